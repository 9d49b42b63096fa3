// What the kernels of attention for subgroups of 8 share. A workgroup is one subgroup; it has ROWS rows,
// broadcast from registers by shuffles, and each lane has four columns of a tile of the other side.
const ROW_BLOCKS = ROWS / 8u;
const ROW_SUMS = ROWS * PARTS;

fn lanes_max(x: f32) -> f32 {
    var result = max(x, subgroupShuffleXor(x, 1u));
    result = max(result, subgroupShuffleXor(result, 2u));
    return max(result, subgroupShuffleXor(result, 4u));
}
fn lanes_sum(x: f32) -> f32 {
    var result = x + subgroupShuffleXor(x, 1u);
    result += subgroupShuffleXor(result, 2u);
    return result + subgroupShuffleXor(result, 4u);
}
// Products of a vector that lane `lane` holds with four vectors, whose first elements are in b0 and so on.
fn products(a: vec4<f32>, lane: u32, b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>) -> vec4<f32> {
    return subgroupShuffle(a.x, lane) * b0 + subgroupShuffle(a.y, lane) * b1
        + subgroupShuffle(a.z, lane) * b2 + subgroupShuffle(a.w, lane) * b3;
}
