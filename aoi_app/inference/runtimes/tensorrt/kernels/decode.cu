// From the network's output to candidates: boxes in pixels of the tile, the best class, scores from the threshold on.
// One thread an anchor; one kernel for each `Form` of a head. Defines: FORM_<name>, HALF_OUTPUT (0 | 1), CHANNELS_FIRST
// (0 | 1), ROW (values an anchor), ANCHORS, CLASSES, CAPACITY (keys a tile), MAX_BATCH, TILE_WIDTH, TILE_HEIGHT, SHARES
// (0 | 1: boxes are given as shares of the tile's sides); for cells of a grid also LEVELS, STRIDES, COLUMNS, STARTS
// (initialisers); for our own head also REG_MAX, SECOND_NAMES (0 | 1) and SECOND_WEIGHT (float).

typedef unsigned char u8;
typedef unsigned long long u64;

struct Batch {  // see preprocess.cu
    u64 board, golden;
    int width, samples, ring, lines, golden_lines, golden_samples, tiles;
    float threshold, iou;
    int golden_ring, corners[2 * MAX_BATCH];
};

#if HALF_OUTPUT
typedef unsigned short element;
static __device__ float read(const element* at) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(*at));
    return value;
}
#else
typedef float element;
static __device__ float read(const element* at) { return *at; }
#endif

static __device__ bool finite(float value) { return (__float_as_uint(value) & 0x7f800000u) != 0x7f800000u; }
struct Scratch {       // of one tile
    u64* keys;         // (CAPACITY): score falling, then item rising; item = anchor, + ANCHORS * (1 + class) for another name
    float4* boxes;     // (ANCHORS), by anchor
    int* classes;      // (ANCHORS), by anchor
    unsigned* counters;  // candidates, anchors with a value that is no number
};

static __device__ Scratch scratch_of(int tile, u64* keys, float4* boxes, int* classes, unsigned* counters) {
    return {keys + (u64)tile * CAPACITY, boxes + (u64)tile * ANCHORS, classes + (u64)tile * ANCHORS, counters + 2 * tile};
}

static __device__ void add(const Scratch& s, float score, unsigned item) {
    const unsigned place = atomicAdd(&s.counters[0], 1u);
    if (place >= CAPACITY) return;  // never, once an item: but no write beyond the keys, whatever is launched twice
    s.keys[place] = ((u64)(~__float_as_uint(score)) << 32) | item;
}

// Cuts the box to the tile; one that lies beyond it is none.
static __device__ bool keep(const Scratch& s, int anchor, float4 box, float score, int kind) {
#if SHARES
    box = make_float4(box.x * TILE_WIDTH, box.y * TILE_HEIGHT, box.z * TILE_WIDTH, box.w * TILE_HEIGHT);
#endif
    box.x = fminf(fmaxf(box.x, 0.0f), (float)TILE_WIDTH);
    box.y = fminf(fmaxf(box.y, 0.0f), (float)TILE_HEIGHT);
    box.z = fminf(fmaxf(box.z, 0.0f), (float)TILE_WIDTH);
    box.w = fminf(fmaxf(box.w, 0.0f), (float)TILE_HEIGHT);
    if (!(box.z > box.x && box.w > box.y) || kind < 0 || kind >= CLASSES) return false;
    s.boxes[anchor] = box;
    s.classes[anchor] = kind;
    add(s, score, (unsigned)anchor);
    return true;
}

static __device__ void spoiled(const Scratch& s) { atomicAdd(&s.counters[1], 1u); }

// Tells whether a value is the number of a class: a detection without a name must not vanish.
static __device__ bool named(float kind) {
    const float whole = (float)__float2int_rn(kind), away = kind - whole;
    return away < 1e-3f && away > -1e-3f && whole >= 0.0f && whole < (float)CLASSES;
}

static __device__ float4 corners_of(float x, float y, float w, float h) {
    return make_float4(x - w / 2.0f, y - h / 2.0f, x + w / 2.0f, y + h / 2.0f);
}

#if CHANNELS_FIRST
#define STEP ((u64)ANCHORS)
#define START(tile, anchor) ((u64)(tile) * ROW * ANCHORS + (anchor))
#else
#define STEP 1ull
#define START(tile, anchor) (((u64)(tile) * ANCHORS + (anchor)) * ROW)
#endif

#define PROLOGUE                                                          \
    const int tile = blockIdx.y, anchor = blockIdx.x * 128 + threadIdx.x; \
    if (tile >= b->tiles || anchor >= ANCHORS) return;                    \
    const Scratch s = scratch_of(tile, keys, boxes, classes, counters)
#define OUTPUTS u64 *keys, float4 *boxes, int *classes, unsigned *counters
#define DECODE extern "C" __global__ void __launch_bounds__(128) decode

// The first `COUNT` values of an anchor. `sum` gets zero, or NaN for a NaN or an infinity among them.
template <int COUNT>
static __device__ void read_values(const element* at, float* values, float* sum) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
        values[i] = read(at + i * STEP);
        *sum += values[i] * 0.0f;
    }
}

// The best class, the first of equals.
static __device__ int best_class(const element* at, float* best, float* sum) {
    int kind = 0;
    float top = read(at), total = top * 0.0f;
#pragma unroll 8
    for (int c = 1; c < CLASSES; ++c) {
        const float value = read(at + c * STEP);
        total += value * 0.0f;
        if (value > top) { top = value; kind = c; }
    }
    *best = top;
    *sum += total;
    return kind;
}

#ifdef LEVELS
__constant__ int level_stride[LEVELS] = STRIDES;
__constant__ int level_columns[LEVELS] = COLUMNS;
__constant__ int level_start[LEVELS] = STARTS;

static __device__ void cell_of(int anchor, int* x, int* y, float* stride) {
    int level = 0;
#pragma unroll
    for (int i = 1; i < LEVELS; ++i) if (anchor >= level_start[i]) level = i;
    const int cell = anchor - level_start[level];
    *x = cell % level_columns[level];
    *y = cell / level_columns[level];
    *stride = (float)level_stride[level];
}
#endif

#if defined(FORM_classes) || defined(FORM_corners)
#ifdef FORM_corners
#define BOX_OF make_float4
#else
#define BOX_OF corners_of
#endif
DECODE(const Batch* b, const element* output, OUTPUTS) {
    PROLOGUE;
    const element* at = output + START(tile, anchor);
    float box[4], score, sum = 0.0f;
    read_values<4>(at, box, &sum);
    const int kind = best_class(at + 4 * STEP, &score, &sum);
    if (!finite(sum)) { spoiled(s); return; }
    if (score >= b->threshold) keep(s, anchor, BOX_OF(box[0], box[1], box[2], box[3]), score, kind);
}
#elif defined(FORM_objectness) || defined(FORM_grid)
DECODE(const Batch* b, const element* output, OUTPUTS) {
    PROLOGUE;
    const element* at = output + START(tile, anchor);
    float row[5], score, sum = 0.0f;
    read_values<5>(at, row, &sum);
    const int kind = best_class(at + 5 * STEP, &score, &sum);
    if (!finite(sum)) { spoiled(s); return; }
    score = OBJECTNESS_ALONE ? row[4] : score * row[4];
    if (score < b->threshold) return;
#ifdef FORM_grid
    int x, y;
    float stride;
    cell_of(anchor, &x, &y, &stride);
    row[0] = (row[0] + x) * stride;
    row[1] = (row[1] + y) * stride;
    row[2] = expf(fminf(row[2], 20.0f)) * stride;
    row[3] = expf(fminf(row[3], 20.0f)) * stride;
#endif
    keep(s, anchor, corners_of(row[0], row[1], row[2], row[3]), score, kind);
}
#elif defined(FORM_rows)
DECODE(const Batch* b, const element* output, OUTPUTS) {
    PROLOGUE;
    float row[6], sum = 0.0f;
    read_values<6>(output + START(tile, anchor), row, &sum);
    if (!finite(sum) || !named(row[5])) { spoiled(s); return; }
    if (row[4] >= b->threshold) keep(s, anchor, make_float4(row[0], row[1], row[2], row[3]), row[4],
                                   __float2int_rn(row[5]));
}
#elif defined(FORM_counted)
DECODE(const Batch* b, const int* count, const element* corners, const element* scores, const int* kinds, OUTPUTS) {
    PROLOGUE;
    if (anchor >= count[tile]) return;  // what follows is left over
    const u64 at = (u64)tile * ANCHORS + anchor;
    float box[4], sum = 0.0f;
#pragma unroll
    for (int i = 0; i < 4; ++i) { box[i] = read(corners + at * 4 + i); sum += box[i] * 0.0f; }
    const float score = read(scores + at);
    if (!finite(sum + score) || !named((float)kinds[at])) { spoiled(s); return; }
    if (score >= b->threshold) keep(s, anchor, make_float4(box[0], box[1], box[2], box[3]), score, kinds[at]);
}
#elif defined(FORM_aoi)
// The bins of all sides are read at once and kept: every one of them is looked at anyway, and a tile alone leaves the GPU
// so empty that waiting for memory is all that the time goes into.
DECODE(const Batch* b, const element* output, OUTPUTS) {
    PROLOGUE;
    const element* at = output + START(tile, anchor);
    float bins[4 * REG_MAX], logit, sum = 0.0f;
    read_values<4 * REG_MAX>(at + CLASSES * STEP, bins, &sum);
    const int kind = best_class(at, &logit, &sum);
    if (!finite(sum)) { spoiled(s); return; }
    const float score = 1.0f / (1.0f + expf(-logit));
    if (score < b->threshold) return;
    float distance[4];
#pragma unroll
    for (int side = 0; side < 4; ++side) {
        const float* of_side = bins + side * REG_MAX;
        float top = of_side[0], weights = 0.0f, mean = 0.0f;
#pragma unroll
        for (int i = 1; i < REG_MAX; ++i) top = fmaxf(top, of_side[i]);
#pragma unroll
        for (int i = 0; i < REG_MAX; ++i) {
            const float weight = expf(of_side[i] - top);
            weights += weight;
            mean += weight * i;
        }
        distance[side] = mean / weights;
    }
    int x, y;
    float stride;
    cell_of(anchor, &x, &y, &stride);
    const float cx = x + 0.5f, cy = y + 0.5f;
    const float4 box = make_float4((cx - distance[0]) * stride, (cy - distance[1]) * stride,
                                   (cx + distance[2]) * stride, (cy + distance[3]) * stride);
    const bool kept = keep(s, anchor, box, score, kind);
#if SECOND_NAMES
    for (int c = 0; kept && c < CLASSES; ++c) {
        const float second = SECOND_WEIGHT / (1.0f + expf(-read(at + c * STEP)));
        if (c != kind && second >= b->threshold) add(s, second, (unsigned)(anchor + ANCHORS * (1 + c)));
    }
#else
    (void)kept;
#endif
}
#else
#error "no FORM_<name> is defined"
#endif
