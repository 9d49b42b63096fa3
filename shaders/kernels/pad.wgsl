// Padding with a constant, outside and between the elements, along up to four axes.
//
// x: [x_sizes]   y: [sizes], sizes[a] = before[a] + (x_sizes[a] - 1) * step[a] + 1 + what is behind
// y[i] = x[(i - before) / step] where that is whole and inside on every axis, otherwise the value.
// All in units of W along the last axis, one element or four. Bits are copied.
// Each invocation makes ITEMS units, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups.  Reads x once, writes y once.
// use: group, items
// variant pad: use word; ITEMS = 4u, SIZE = 64u
// variant pad_vec4: use word4; ITEMS = 4u, SIZE = 64u

struct Params {
    sizes: vec4<u32>,
    x_sizes: vec4<u32>,
    before: vec4<u32>,
    step: vec4<u32>,
    count: u32,
    // The bits of the value.
    value: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<W>;
@group(0) @binding(2) var<storage, read_write> y: array<W>;

// Whether any step is not 1: otherwise four divisions fall away.
override STEPS: bool;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let start = first_item(group_index(group, groups), local);
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            y[i] = element(i);
        }
    }
}

fn element(i: u32) -> W {
    var index: vec4<u32>;
    var outer = i / params.sizes.w;
    index.w = i - outer * params.sizes.w;
    index.z = outer % params.sizes.z;
    outer = outer / params.sizes.z;
    index.y = outer % params.sizes.y;
    index.x = outer / params.sizes.y;
    // Before the first element the difference wraps around and is larger than any size.
    var source = index - params.before;
    var inside = index >= params.before;
    if STEPS {
        let whole = source / params.step;
        inside = inside & (whole * params.step == source);
        source = whole;
    }
    if all(inside & (source < params.x_sizes)) {
        let sizes = params.x_sizes;
        return x[((source.x * sizes.y + source.y) * sizes.z + source.z) * sizes.w + source.w];
    }
    return W(params.value);
}
