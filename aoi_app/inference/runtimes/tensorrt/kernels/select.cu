// From candidates to the boxes that stay: sorted by score, suppressed within each class, settled among those that tie
// (boxes.py says why), moved to their place on the board and written straight to pinned host memory (posted PCIe writes:
// only the boxes that stay travel). One block a tile; equal input, equal bytes.
// Defines: TIE_SCORE, TIE_FROM, TIE_FULL (float), ANCHORS, CAPACITY (keys a tile, a power of two), MOST (candidates looked at, up to 1024), KEPT (rows a tile),
// THREADS (of the block), MAX_BATCH.

typedef unsigned long long u64;

struct Batch {  // see preprocess.cu
    u64 board, golden;
    int width, samples, ring, lines, golden_lines, golden_samples, tiles;
    float threshold, iou;
    int golden_ring, corners[2 * MAX_BATCH];
};

struct Result {  // of one tile; keep in step with layout.py
    int count, candidates, spoiled, reserved;
    float boxes[KEPT][4], scores[KEPT];  // x1 y1 x2 y2 in pixels of the board
    int classes[KEPT];
};

#define NEAR 1024  // candidates that lie close by, in shared memory
#define FEW 256    // that are faster counted than sorted
#define WORDS (NEAR / 32)
#define WEIGHT_STEPS 65536.0f
#define PX_STEPS 1024.0f  // 1,000 candidates that lie 2,000 px away do not overflow
#define OWN ((NEAR + THREADS - 1) / THREADS)  // that a thread looks after

struct Candidates {  // by rank, the best first
    u64 keys[NEAR];
    float4 boxes[NEAR];
    int kinds[NEAR];
    unsigned left[WORDS];  // a bit each: neither taken nor beaten yet
    unsigned ties[KEPT], moved[KEPT][4];  // sums over those that tie with one of `taken`, in fixed point: in any order
    unsigned short taken[KEPT], kept[KEPT];  // ranks: of those that are not beaten; of those among them that come back
    unsigned solid[(KEPT + 31) / 32];        // a bit for each of `taken` that lies on the board
};

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

// Brings the best candidates close by, in order; returns how many there are. No two keys are equal, so that a key's
// rank is the number of smaller ones: for a few of them that takes one barrier instead of dozens.
static __device__ int gather(u64* keys, int found, const float4* boxes, const int* classes, Candidates& all) {
    __shared__ u64 unsorted[FEW];
    for (int i = threadIdx.x; i < min(FEW, CAPACITY); i += THREADS) unsorted[i] = keys[i];  // before `found` is there
    if (found <= FEW) {
        __syncthreads();
        for (int i = threadIdx.x; i < found; i += THREADS) {
            const u64 key = unsorted[i];
            const float4 box = boxes[anchor_of(key)];
            const int kind = class_of(key, classes);
            int rank = 0;
#pragma unroll 8
            for (int j = 0; j < found; ++j) rank += unsorted[j] < key;
            all.keys[rank] = key;
            all.boxes[rank] = box;
            all.kinds[rank] = kind;
        }
        return found;
    }
    int size = 1;
    while (size < found) size <<= 1;
    if (found <= NEAR) {
        for (int i = threadIdx.x; i < size; i += THREADS) all.keys[i] = i < found ? keys[i] : ~0ull;
        keys = all.keys;
    } else {
        for (int i = found + threadIdx.x; i < size; i += THREADS) keys[i] = ~0ull;
    }
    __syncthreads();
    sort_keys(keys, size);
    const int n = min(found, MOST);
    for (int i = threadIdx.x; i < n; i += THREADS) {
        const u64 key = keys[i];
        all.keys[i] = key;
        all.boxes[i] = boxes[anchor_of(key)];
        all.kinds[i] = class_of(key, classes);
    }
    return n;
}

static __device__ float area(float4 a) { return fmaxf(a.z - a.x, 0.0f) * fmaxf(a.w - a.y, 0.0f); }

static __device__ float overlap_of(float4 a, float4 c) {
    const float w = fmaxf(fminf(a.z, c.z) - fmaxf(a.x, c.x), 0.0f), h = fmaxf(fminf(a.w, c.w) - fmaxf(a.y, c.y), 0.0f);
    const float shared = w * h;
    if (!(shared > 0.0f)) return 0.0f;
    const float both = area(a) + area(c) - shared;
    return both > 0.0f ? shared / both : 0.0f;
}

static __device__ float score_of(u64 key) { return __uint_as_float(~(unsigned)(key >> 32)); }

static __device__ float tie(float behind, float overlap) {
    const float near = fminf(fmaxf((overlap - TIE_FROM) / (TIE_FULL - TIE_FROM), 0.0f), 1.0f);
    return fmaxf(1.0f - behind / TIE_SCORE, 0.0f) * near;
}

// The first candidate from `from` on that is left, or `n`.
static __device__ int next_left(const Candidates& all, int from, int n) {
    for (int word = from >> 5; word << 5 < n; ++word) {
        const unsigned bits = all.left[word] & (word == from >> 5 ? ~0u << (from & 31) : ~0u);
        if (bits) return (word << 5) + __ffs(bits) - 1;
    }
    return n;
}

// All threads go from one candidate that is left to the next, best first, and each strikes out those of its own that it
// beats. Returns how many were taken.
static __device__ int suppress(Candidates& all, int n, float limit) {
    float4 boxes[OWN];
    int kinds[OWN];
    bool left[OWN];
#pragma unroll
    for (int k = 0; k < OWN; ++k) {
        const int j = threadIdx.x + k * THREADS;
        left[k] = j < n;
        if (left[k]) { boxes[k] = all.boxes[j]; kinds[k] = all.kinds[j]; }
    }
    int taken = 0;
    for (int i = next_left(all, 0, n); i < n && taken < KEPT; i = next_left(all, i + 1, n), ++taken) {
        if (threadIdx.x == 0) all.taken[taken] = (unsigned short)i;
        if (limit >= 1.0f) continue;  // no two overlap so much
        const float4 box = all.boxes[i];
        const int kind = all.kinds[i];
#pragma unroll
        for (int k = 0; k < OWN; ++k) {
            const int j = threadIdx.x + k * THREADS;
            if (!left[k] || j <= i || kinds[k] != kind) continue;
            const float overlap = overlap_of(box, boxes[k]);
            if (!(overlap > limit)) continue;
            left[k] = false;
            atomicAnd(&all.left[j >> 5], ~(1u << (j & 31)));
            const float weight = tie(score_of(all.keys[i]) - score_of(all.keys[j]), overlap);
            if (!(weight > 0.0f)) continue;
            const float4 own = boxes[k];
            atomicAdd(&all.ties[taken], (unsigned)__float2int_rn(weight * WEIGHT_STEPS));
            atomicAdd(&all.moved[taken][0], (unsigned)__float2int_rn(weight * (own.x - box.x) * PX_STEPS));
            atomicAdd(&all.moved[taken][1], (unsigned)__float2int_rn(weight * (own.y - box.y) * PX_STEPS));
            atomicAdd(&all.moved[taken][2], (unsigned)__float2int_rn(weight * (own.z - box.z) * PX_STEPS));
            atomicAdd(&all.moved[taken][3], (unsigned)__float2int_rn(weight * (own.w - box.w) * PX_STEPS));
        }
        // A thread that is ahead of others strikes out only what lies behind the one they look for here.
        __syncthreads();
    }
    return taken;
}

// Moves each box that stays to the mean of itself and of those that tie with it; a thread for each side of each box.
static __device__ void settle(Candidates& all, int taken) {
    for (int item = threadIdx.x; item < taken * 4; item += THREADS) {
        const int k = item / 4, side = item % 4;
        const float moved = (float)(int)all.moved[k][side] / PX_STEPS, weights = (float)all.ties[k] / WEIGHT_STEPS;
        ((float*)&all.boxes[all.taken[k]])[side] += moved / (1.0f + weights);
    }
    __syncthreads();
}

// Where a tile lies on its board, of which some lines are in.
struct Place { float x, y, width, lines; };

static __device__ float4 on_board(Place at, float4 box) {
    return make_float4(fminf(box.x + at.x, at.width), fminf(box.y + at.y, at.lines), fminf(box.z + at.x, at.width),
                       fminf(box.w + at.y, at.lines));
}

// Keeps, in order, what lies on the board: the rest was seen in the padding. Returns how many that are.
static __device__ int keep_solid(Candidates& all, int taken, Place at) {
    for (int k = threadIdx.x; k < taken; k += THREADS) {
        const float4 box = on_board(at, all.boxes[all.taken[k]]);
        if (box.z > box.x && box.w > box.y) atomicOr(&all.solid[k >> 5], 1u << (k & 31));
    }
    __syncthreads();
    int stay = 0;
    for (int word = 0; word << 5 < taken; ++word) {
        const unsigned bits = all.solid[word];
        const int k = (word << 5) + (int)threadIdx.x % 32;
        const unsigned mine = 1u << (k & 31);
        if (threadIdx.x < 32 && (bits & mine)) all.kept[stay + __popc(bits & (mine - 1u))] = all.taken[k];
        stay += __popc(bits);
    }
    __syncthreads();
    return stay;
}

extern "C" __global__ void __launch_bounds__(THREADS) select_boxes(const Batch* b, u64* keys, const float4* boxes,
                                                             const int* classes, const unsigned* counters,
                                                             Result* results) {
    __shared__ Candidates all;
    const int tile = blockIdx.x, tiles = b->tiles, found = min((int)counters[2 * tile], CAPACITY);
    const float limit = b->iou;
    const Place at = {(float)b->corners[2 * tile], (float)b->corners[2 * tile + 1], (float)b->width, (float)b->lines};
    if (tile >= tiles) return;
    const int n =
        gather(keys + (u64)tile * CAPACITY, found, boxes + (u64)tile * ANCHORS, classes + (u64)tile * ANCHORS, all);
    for (int word = threadIdx.x; word < WORDS; word += THREADS)
        all.left[word] = word << 5 >= n ? 0u : n - (word << 5) < 32 ? (1u << (n - (word << 5))) - 1u : ~0u;
    for (int word = threadIdx.x; word << 5 < KEPT; word += THREADS) all.solid[word] = 0u;
    for (int k = threadIdx.x; k < KEPT; k += THREADS) {
        all.ties[k] = 0u;
        for (int side = 0; side < 4; ++side) all.moved[k][side] = 0u;
    }
    __syncthreads();
    const int taken = suppress(all, n, limit);
    __syncthreads();
    settle(all, taken);
    const int count = keep_solid(all, taken, at);
    Result* result = results + tile;
    for (int k = threadIdx.x; k < count; k += THREADS) {  // neighbours write neighbours: few packets on the bus
        const int rank = all.kept[k];
        *(float4*)result->boxes[k] = on_board(at, all.boxes[rank]);
        result->scores[k] = score_of(all.keys[rank]);
        result->classes[k] = all.kinds[rank];
    }
    if (threadIdx.x == 0) {
        result->count = count;
        result->candidates = found;
        result->spoiled = counters[2 * tile + 1];
    }
}
