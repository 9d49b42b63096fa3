// One workgroup per row: its invocations call `process(row, lane, lanes)`, and `across` combines
// their parts in a tree in workgroup memory. WIDTH is a power of two.
// Dispatch: one workgroup per row.
override WIDTH: u32;
var<workgroup> parts: array<Part, WIDTH>;
@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    process(group_index(group, groups), local, WIDTH);
}
fn across(part: Part, lane: u32, lanes: u32) -> Part {
    parts[lane] = part;
    workgroupBarrier();
    for (var distance = WIDTH / 2u; distance > 0u; distance /= 2u) {
        if lane < distance {
            parts[lane] = combine(parts[lane], parts[lane + distance]);
        }
        workgroupBarrier();
    }
    let whole = parts[0];
    // A second call writes to the parts.
    workgroupBarrier();
    return whole;
}
