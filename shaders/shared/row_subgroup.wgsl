// One subgroup per row: its lanes call `process(row, lane, lanes)`, and `across` combines their parts
// in a butterfly, so that every lane holds the same bits.
// Dispatch: ceil(rows / (64 / lanes)) workgroups.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    process(group_index(group, groups) * subgroups + subgroup, lane, lanes);
}
fn across(part: Part, lane: u32, lanes: u32) -> Part {
    var result = part;
    for (var distance = 1u; distance < lanes; distance *= 2u) {
        result = combine(result, subgroupShuffleXor(result, distance));
    }
    return result;
}
