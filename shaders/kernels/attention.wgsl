// Scaled dot-product attention and its gradients, without a matrix of all scores.
//
// q, y, dy: [batches, heads, queries, width]   k, v: [batches, kv_heads, keys, width], width in units of
// four; heads / kv_heads neighbouring heads share keys and values
// score = scale q . k + mask, p = exp(score - lse), lse = log of the sum of exp(score) over the keys,
// y = sum over the keys of p v
// A workgroup takes a tile of queries or keys of one head, and COLUMNS columns of the result, and goes
// through the tiles of the other side, `first` up to `last`; where there are too many for one dispatch,
// the next one adds to what the one before left. On GPUs it has 8 x 8 invocations with 4x4 scores each,
// which they share through workgroup memory, and then 4 x PARTS vectors of the result each; on software
// adapters it is a subgroup of 8, which shares by shuffles.
// Dispatch: see the modules.  Reads k and v once per tile of queries, q and dy once per tile of keys.
// use: group, pointwise, tanh, erf, vec4, random
// variant attention_32: use attention_forward; PARTS = 1u
// variant attention_64: use attention_forward; PARTS = 2u
// variant attention_128: use attention_forward; PARTS = 4u
// variant attention_query_32: use attention_query; PARTS = 1u
// variant attention_query_64: use attention_query; PARTS = 2u
// variant attention_query_128: use attention_query; PARTS = 4u
// variant attention_key_32: use attention_key; PARTS = 1u
// variant attention_key_64: use attention_key; PARTS = 2u
// variant attention_key_128: use attention_key; PARTS = 4u
// variant attention_lanes_32: use attention_forward_lanes; PARTS = 1u, ROWS = 16u
// variant attention_lanes_64: use attention_forward_lanes; PARTS = 2u, ROWS = 16u
// variant attention_query_lanes_32: use attention_query_lanes; PARTS = 1u, ROWS = 16u
// variant attention_query_lanes_64: use attention_query_lanes; PARTS = 2u, ROWS = 16u
// variant attention_key_lanes_32: use attention_key_lanes; PARTS = 1u, ROWS = 16u
// variant attention_key_lanes_64: use attention_key_lanes; PARTS = 2u, ROWS = 16u

struct Params {
    batches: u32,
    heads: u32,
    kv_heads: u32,
    queries: u32,
    keys: u32,
    width: u32,
    // The tiles that this dispatch goes through.
    first: u32,
    last: u32,
    scale: f32,
    // Where mask [batches, heads, queries, keys] has its elements; 0 along axes that it does not have.
    mask_start: u32,
    mask_batch: u32,
    mask_head: u32,
    mask_query: u32,
    mask_key: u32,
    // Dropout of probabilities: those whose random bits are below the threshold.
    seed: u32,
    threshold: u32,
    kept: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
// q once more where there is none.
@group(0) @binding(4) var<storage, read> mask: array<u32>;
@group(0) @binding(5) var<storage, read> counter: array<u32>;

// Whether a query sees the keys up to its own place, counted from the ends of both.
override CAUSAL: bool;
// 0 none, 1 of truth values, 2 added to the scores
override MASK: u32;
override DROPOUT: bool;

const TILE = 32u;
const SUMS = 4u * PARTS;
const COLUMNS = 8u * PARTS;
// Scores from here down, as those under a mask of minus infinity, have no weight.
const MASKED = -3.4e38;
const FOUR = vec4<u32>(0u, 1u, 2u, 3u);

// A group of heads that share keys, and where their rows begin.
struct Place {
    batch: u32,
    head: u32,
    q_row: u32,
    k_row: u32,
}
fn place_of(batch: u32, head: u32) -> Place {
    let kv_head = head / (params.heads / params.kv_heads);
    return Place(
        batch,
        head,
        (batch * params.heads + head) * params.queries,
        (batch * params.kv_heads + kv_head) * params.keys,
    );
}

// Where four rows from `first` stand; the last one repeated past the end.
fn rows_at(start: u32, first: u32, count: u32) -> vec4<u32> {
    return (vec4<u32>(start) + min(vec4<u32>(first) + FOUR, vec4<u32>(count - 1u))) * params.width;
}

fn score(product: f32, place: Place, query: u32, key: u32) -> f32 {
    var result = product * params.scale;
    var seen = key < params.keys && query < params.queries;
    if CAUSAL {
        seen = seen && key + params.queries <= query + params.keys;
    }
    if MASK != 0u {
        let at = params.mask_start + place.batch * params.mask_batch + place.head * params.mask_head
            + min(query, params.queries - 1u) * params.mask_query
            + min(key, params.keys - 1u) * params.mask_key;
        if MASK == 1u {
            seen = seen && mask[at] != 0u;
        } else {
            result += bitcast<f32>(mask[at]);
        }
    }
    return select(MASKED, result, seen);
}
fn scores(product: vec4<f32>, place: Place, query: u32, key: u32) -> vec4<f32> {
    return vec4<f32>(
        score(product.x, place, query, key),
        score(product.y, place, query, key + 1u),
        score(product.z, place, query, key + 2u),
        score(product.w, place, query, key + 3u),
    );
}

fn weight(scores: vec4<f32>, lse: vec4<f32>) -> vec4<f32> {
    return select(exponential(scores - lse), vec4<f32>(0.0), scores <= vec4<f32>(MASKED));
}

// What dropout multiplies a probability with, and those of four keys.
fn drawn_one(place: Place, query: u32, key: u32) -> f32 {
    let bits = random_bits((place.q_row + query) * params.keys + key, counter[0], params.seed);
    return select(0.0, params.kept, bits >= params.threshold);
}
fn drawn(place: Place, query: u32, key: u32) -> vec4<f32> {
    let bits = random_bits4((place.q_row + query) * params.keys + key, counter[0], params.seed);
    return select(vec4<f32>(0.0), vec4<f32>(params.kept), bits >= vec4<u32>(params.threshold));
}
