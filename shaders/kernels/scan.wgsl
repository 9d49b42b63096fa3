// Running sums or products along a middle axis.
//
// x: [outer, middle, inner]   starts: [outer, blocks, inner], what comes before each block
// y: x's shape, y[o, m, i] = start * x[o, first, i] * ... * x[o, m, i] of its block, without the last
// factor when `exclusive`; or with TOTALS [outer, blocks, inner], the whole of each block
// Sums in place of products without PRODUCT. When `reverse`, the axis is walked from its end.
// starts is read only with STARTED: a single block begins with nothing.
// One invocation per block, which it goes through in order.
// Dispatch: ceil(walks / 64) workgroups, walks = outer * blocks * inner.  Reads x, writes y once.
// use: group
// variant scan: use element_float
// variant scan_int: use element_uint

struct Params {
    walks: u32,
    middle: u32,
    inner: u32,
    blocks: u32,
    block: u32,
    exclusive: u32,
    reverse: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<E>;
@group(0) @binding(2) var<storage, read> starts: array<E>;
@group(0) @binding(3) var<storage, read_write> y: array<E>;

override PRODUCT: bool;
override TOTALS: bool;
override STARTED: bool;

fn joined(so_far: E, term: E) -> E {
    if PRODUCT {
        return so_far * term;
    }
    return so_far + term;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let walk = group_index(group, groups) * 64u + local;
    if walk >= params.walks {
        return;
    }
    let inner = walk % params.inner;
    let block = (walk / params.inner) % params.blocks;
    let outer = walk / (params.inner * params.blocks);
    var value = E(PRODUCT);
    if STARTED {
        value = starts[walk];
    }
    let first = block * params.block;
    let last = min(first + params.block, params.middle);
    for (var step = first; step < last; step++) {
        let middle = select(step, params.middle - 1u - step, params.reverse == 1u);
        let at = (outer * params.middle + middle) * params.inner + inner;
        let next = joined(value, x[at]);
        if !TOTALS {
            y[at] = select(next, value, params.exclusive == 1u);
        }
        value = next;
    }
    if TOTALS {
        y[walk] = value;
    }
}
