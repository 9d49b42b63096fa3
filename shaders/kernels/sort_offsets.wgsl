// One pass of a stable sort: totals become the places where the digits of each block begin.
//
// totals: [256, blocks], in place
// One invocation per digit: first it sums its row, then it adds what smaller digits have.
// Dispatch: 1 workgroup.  Reads totals twice, writes it once.

struct Params {
    blocks: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> totals: array<u32>;

var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) digit: u32) {
    let first = digit * params.blocks;
    var sum = 0u;
    for (var block = 0u; block < params.blocks; block++) {
        sum += totals[first + block];
    }
    sums[digit] = sum;
    workgroupBarrier();
    var place = 0u;
    for (var smaller = 0u; smaller < digit; smaller++) {
        place += sums[smaller];
    }
    for (var block = 0u; block < params.blocks; block++) {
        let here = totals[first + block];
        totals[first + block] = place;
        place += here;
    }
}
