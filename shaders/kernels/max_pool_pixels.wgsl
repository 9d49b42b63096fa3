// The largest element of each window of 2 x 2 side by side without padding, for images with channels last.
//
// x: [n, in_h, in_w, channels]   y: [n, out_h, out_w, channels], both whole vec4s
// One invocation per window and four channels. NaN is larger than any number.
// Dispatch: ceil(n * out_h * out_w * channels / 4 / 64) workgroups.  Reads x once, writes y once.
// use: group, vec4, pool_pixels
// hole: epilogue

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

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
    let first = place.first;
    let below = first + params.in_size.y * CHANNELS;
    let upper = larger(x[first], x[first + CHANNELS]);
    y[i] = epilogue(larger(upper, larger(x[below], x[below + CHANNELS])), i);
}
