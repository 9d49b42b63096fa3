// Gradient of maximum pooling with windows of 2 x 2 side by side without padding, for images with channels
// last: dy goes to the first of the largest elements.
//
// x, dx: [n, in_h, in_w, channels]   dy: [n, out_h, out_w, channels], all whole vec4s
// One invocation per window and four channels; a row and a column that are left over count as windows and
// get 0.
// Dispatch: ceil(n * windows * channels / 4 / 64) workgroups.  Reads x and dy once, writes dx once.
// use: group, vec4, pool_pixels
// hole: epilogue

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let place = place_of(i);
    if place.image >= params.images {
        return;
    }
    let window = place.window;
    let first = place.first;
    let below = first + params.in_size.y * CHANNELS;
    if all(window < params.out_size) {
        let at = (place.image * params.out_size.x + window.x) * params.out_size.y + window.y;
        let slope = dy[at * CHANNELS + place.channel];
        let a = x[first];
        let b = x[first + CHANNELS];
        let c = x[below];
        let d = x[below + CHANNELS];
        let right = is_larger(b, a);
        let right_below = is_larger(d, c);
        let lower = is_larger(select(c, d, right_below), select(a, b, right));
        let none = vec4(0.0);
        dx[first] = epilogue(select(slope, none, lower | right), first);
        dx[first + CHANNELS] =
            epilogue(select(none, slope, right & !lower), first + CHANNELS);
        dx[below] = epilogue(select(none, slope, lower & !right_below), below);
        dx[below + CHANNELS] = epilogue(select(none, slope, lower & right_below), below + CHANNELS);
        return;
    }
    unroll for (var j = 0u; j < 2u; j++) {
        unroll for (var k = 0u; k < 2u; k++) {
            if window.x * 2u + j < params.in_size.x && window.y * 2u + k < params.in_size.y {
                let to = first + (j * params.in_size.y + k) * CHANNELS;
                dx[to] = epilogue(vec4(0.0), to);
            }
        }
    }
}
