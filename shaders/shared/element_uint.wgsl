// One element of a kernel that is built for several dtypes, and what it computes with. Sums and
// products of i32 have the same bits.
alias E = u32;
