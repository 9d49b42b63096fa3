// A block of rows copied from one matrix into another.
//
// x: rows x_stride apart, the block starts at x_start   y: rows y_stride apart, from y_start
// All in units of W, one element or four. Bits are copied, so the dtype does not matter.
// Each invocation copies ITEMS units, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups.  Reads and writes the block once.
// use: group, items
// variant copy_block: use word; ITEMS = 4u, SIZE = 64u
// variant copy_block_vec4: use word4; ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    columns: u32,
    x_start: u32,
    x_stride: u32,
    y_start: u32,
    y_stride: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<W>;
@group(0) @binding(2) var<storage, read_write> y: array<W>;

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
            let row = i / params.columns;
            let column = i - row * params.columns;
            y[params.y_start + row * params.y_stride + column] =
                x[params.x_start + row * params.x_stride + column];
        }
    }
}
