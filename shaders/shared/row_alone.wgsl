// One invocation per row: `process(row, lane, lanes)` has the row to itself.
// Dispatch: ceil(rows / 64) workgroups.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    process(group_index(group, groups) * 64u + local, 0u, 1u);
}
fn across(part: Part, lane: u32, lanes: u32) -> Part {
    return part;
}
