// Neighbouring sorted runs of rows merged: each element finds its place in the other run.
//
// keys, places, merged_keys, merged_places: [rows, length]
// Runs of `run` keys are sorted, afterwards runs twice as long. Equal keys of the left run come
// first, so that the order of equals stays.
// One invocation per element, by bisection.
// Dispatch: ceil(elements / 64) workgroups.  Reads log2(run) keys each, moves each element once.
// use: group

struct Params {
    elements: u32,
    length: u32,
    run: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read_write> merged_keys: array<u32>;
@group(0) @binding(4) var<storage, read_write> merged_places: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_index(group, groups) * 64u + local;
    if at >= params.elements {
        return;
    }
    let row = at / params.length;
    let start = row * params.length;
    let column = at - start;
    let number = column / params.run;
    let is_left = number % 2u == 0u;
    let own_first = number * params.run;
    let pair_first = select(own_first - params.run, own_first, is_left);
    // The other run, which may be cut short or missing at the end of the row.
    let first = select(pair_first, min(pair_first + params.run, params.length), is_left);
    var low = first;
    var high = min(first + params.run, params.length);
    let own = keys[at];
    while low < high {
        let middle = low + (high - low) / 2u;
        let key = keys[start + middle];
        if key < own || (key == own && !is_left) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    let to = start + pair_first + (column - own_first) + (low - first);
    merged_keys[to] = own;
    merged_places[to] = places[at];
}
