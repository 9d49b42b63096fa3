// Four elements of four bytes, whatever their dtype: copies keep the bits.
alias W = vec4<u32>;
