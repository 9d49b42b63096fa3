// One element of a kernel that is built for several dtypes, and what it computes with.
alias E = f32;
