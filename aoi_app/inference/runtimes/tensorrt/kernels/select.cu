// From candidates to the boxes that stay: sorted by score, suppressed within each class, moved to their place on the
// board and written straight to pinned host memory (posted PCIe writes: only the boxes that stay travel). One block a
// tile; equal input, equal bytes.
// Defines: ANCHORS, CAPACITY (keys a tile, a power of two), MOST (candidates looked at, up to 1024), KEPT (rows a tile),
// THREADS (of the block, whole warps), MAX_BATCH.

typedef unsigned long long u64;

struct Batch {  // see preprocess.cu
    u64 board, golden;
    int width, samples, ring, lines, golden_lines, golden_samples, tiles;
    float threshold, iou;
    int golden_ring, corners[2 * MAX_BATCH];
};

struct Result {  // of one tile; keep in step with layout.py
    int count, candidates, spoiled, reserved;
    float rows[KEPT][6];  // x1 y1 x2 y2 score class, in pixels of the board
};

#define NEAR_KEYS 1024
#define NEAR_BOXES 256
#define WORDS 32  // of one bit a candidate

static __device__ void sort_keys(u64* keys, int size) {  // bitonic; `size` is a power of two
    for (int width = 2; width <= size; width <<= 1)
        for (int gap = width >> 1; gap; gap >>= 1) {
            for (int i = threadIdx.x; i < size >> 1; i += THREADS) {
                const int low = 2 * i - (i & (gap - 1)), high = low + gap;
                const bool rising = (low & width) == 0;
                const u64 a = keys[low], c = keys[high];
                if ((a > c) == rising) { keys[low] = c; keys[high] = a; }
            }
            __syncthreads();
        }
}

// A key's low half names a candidate: an anchor, or an anchor under another class than its best (decode.cu).
static __device__ unsigned anchor_of(u64 key) { return (unsigned)key % ANCHORS; }
static __device__ int class_of(u64 key, const int* classes) {
    const unsigned item = (unsigned)key;
    return item < ANCHORS ? classes[item] : (int)(item / ANCHORS) - 1;
}

// The candidates in order of their scores; a few of them lie close by, for each is compared with all behind it.
struct Candidates {
    const u64* keys;
    const float4* boxes;   // by anchor
    const int* classes;    // by anchor
    float4* near_boxes;    // (NEAR_BOXES), by rank
    int* near_classes;
    bool near;
    __device__ float4 box(int rank) const { return near ? near_boxes[rank] : boxes[anchor_of(keys[rank])]; }
    __device__ int kind(int rank) const { return near ? near_classes[rank] : class_of(keys[rank], classes); }
};

static __device__ float area(float4 a) { return fmaxf(a.z - a.x, 0.0f) * fmaxf(a.w - a.y, 0.0f); }

static __device__ bool beats(float4 a, float4 c, float limit) {
    const float w = fmaxf(fminf(a.z, c.z) - fmaxf(a.x, c.x), 0.0f), h = fmaxf(fminf(a.w, c.w) - fmaxf(a.y, c.y), 0.0f);
    const float shared = w * h;
    if (!(shared > 0.0f)) return false;
    const float both = area(a) + area(c) - shared;
    return (both > 0.0f ? shared / both : 0.0f) > limit;
}

// Sets bit j of row i where candidate i beats the later candidate j of its class. The threads of a warp compare
// neighbours with one and the same j, so that they read it together and mostly go the same way.
static __device__ void compare_all(int n, const Candidates& all, float limit, unsigned* beaten) {
    const int words = (n + 31) / 32;
    for (int item = threadIdx.x; item < n * words; item += THREADS) {
        const int i = item % n, first = item / n * 32;
        unsigned bits = 0;
        if (first + 31 > i) {
            const float4 box = all.box(i);
            const int kind = all.kind(i);
            for (int j = max(first, i + 1); j < min(first + 32, n); ++j)
                if (all.kind(j) == kind && beats(box, all.box(j), limit)) bits |= 1u << (j - first);
        }
        beaten[i * words + first / 32] = bits;
    }
}

// Where a box of a tile lies on the board, cut to the lines that are in.
static __device__ float4 on_board(const Batch* b, int tile, float4 box) {
    const float x = (float)b->corners[2 * tile], y = (float)b->corners[2 * tile + 1];
    const float width = (float)b->width, lines = (float)b->lines;
    return make_float4(fminf(box.x + x, width), fminf(box.y + y, lines), fminf(box.z + x, width), fminf(box.w + y, lines));
}

// Sets bit i of `solid` where candidate i lies on the board; what lies wholly beyond it was seen in the padding. Brings
// a few candidates close by.
static __device__ void look_at_all(const Batch* b, int tile, int n, const Candidates& all, unsigned* solid) {
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const float4 of_tile = all.boxes[anchor_of(all.keys[i])], box = on_board(b, tile, of_tile);
        if (box.z > box.x && box.w > box.y) atomicOr(&solid[i >> 5], 1u << (i & 31));
        if (!all.near) continue;
        all.near_boxes[i] = of_tile;
        all.near_classes[i] = class_of(all.keys[i], all.classes);
    }
}

// Warp 0 goes from one candidate that is left to the next, best first; each lane holds one word of who is gone. Returns
// how many stay on the board.
static __device__ int walk(int n, const unsigned* beaten, const unsigned* solid, unsigned short* kept) {
    const int words = (n + 31) / 32, lane = threadIdx.x;
    unsigned gone = 0;
    int count = 0, stay = 0;
    for (int word = 0; word < words; ++word) {
        unsigned todo = n - word * 32 < 32 ? (1u << (n - word * 32)) - 1u : ~0u;
        while (count < KEPT) {
            const unsigned left = todo & ~__shfl_sync(0xffffffffu, gone, word);
            if (left == 0) break;
            const int bit = __ffs(left) - 1, i = word * 32 + bit;
            todo = left & (left - 1u);
            if (solid[word] >> bit & 1) {
                if (lane == 0) kept[stay] = (unsigned short)i;
                ++stay;
            }
            ++count;
            if (lane < words) gone |= beaten[i * words + lane];
        }
    }
    return stay;
}

extern "C" __global__ void __launch_bounds__(THREADS) select_boxes(const Batch* b, u64* all_keys, const float4* all_boxes,
                                                             const int* all_classes, const unsigned* counters,
                                                             unsigned* all_beaten, Result* results) {
    __shared__ u64 near_keys[NEAR_KEYS];
    __shared__ float4 near_boxes[NEAR_BOXES];
    __shared__ int near_classes[NEAR_BOXES];
    __shared__ unsigned near_beaten[NEAR_BOXES * NEAR_BOXES / 32];
    __shared__ unsigned solid[WORDS];
    __shared__ unsigned short kept[KEPT];
    __shared__ int total;
    const int tile = blockIdx.x;
    if (tile >= b->tiles) return;
    u64* keys = all_keys + (u64)tile * CAPACITY;
    const float4* boxes = all_boxes + (u64)tile * ANCHORS;
    const int* classes = all_classes + (u64)tile * ANCHORS;
    const int found = min((int)counters[2 * tile], CAPACITY);
    int size = 1;
    while (size < found) size <<= 1;
    if (found <= NEAR_KEYS) {
        for (int i = threadIdx.x; i < size; i += THREADS) near_keys[i] = i < found ? keys[i] : ~0ull;
        keys = near_keys;
    } else {
        for (int i = found + threadIdx.x; i < size; i += THREADS) keys[i] = ~0ull;
    }
    for (int i = threadIdx.x; i < WORDS; i += THREADS) solid[i] = 0;
    __syncthreads();
    sort_keys(keys, size);
    const int n = min(found, MOST);
    const Candidates all = {keys, boxes, classes, near_boxes, near_classes, n <= NEAR_BOXES};
    unsigned* beaten = all.near ? near_beaten : all_beaten + (u64)tile * MOST * WORDS;
    look_at_all(b, tile, n, all, solid);
    __syncthreads();
    compare_all(n, all, b->iou, beaten);
    __syncthreads();
    if (threadIdx.x < 32) {
        const int count = walk(n, beaten, solid, kept);
        if (threadIdx.x == 0) total = count;
    }
    __syncthreads();
    Result* result = results + tile;
    const int count = total;
    for (int item = threadIdx.x; item < count * 6; item += THREADS) {
        const int rank = kept[item / 6], field = item % 6;
        const float4 box = on_board(b, tile, all.box(rank));
        result->rows[item / 6][field] = field == 0   ? box.x
                                        : field == 1 ? box.y
                                        : field == 2 ? box.z
                                        : field == 3 ? box.w
                                        : field == 4 ? __uint_as_float(~(unsigned)(keys[rank] >> 32))
                                                     : (float)all.kind(rank);
    }
    if (threadIdx.x == 0) {
        result->count = count;
        result->candidates = found;
        result->spoiled = counters[2 * tile + 1];
    }
}
