// One element of four bytes, whatever its dtype: copies keep the bits.
alias W = u32;
