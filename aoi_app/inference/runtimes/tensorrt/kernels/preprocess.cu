// Cuts tiles out of the board's lines, pads, normalises and writes contiguous NCHW in one pass.
// Defines: INPUT_BITS (32 float, 16 half, 8 unsigned), CHANNELS_LAST (0 | 1: NHWC instead), CHANNELS (0 grey, 1 RGB, 2 BGR, 3 grey + golden), TILE_WIDTH, TILE_HEIGHT, PAD, GOLDEN_MISSING,
// SCALE (float), MAX_BATCH. No CUDA header is needed: NVRTC's own package brings none.

typedef unsigned char u8;
typedef unsigned long long u64;

struct Batch {          // one per launch, written by the host; keep in step with batch.py
    u64 board;          // ring of lines, uint8
    u64 golden;         // the golden board: a ring in step with the board's, or all of its lines; or 0
    int width;          // pixels across the board
    int samples;        // per pixel: 1 Mono8, 3 RGB8
    int ring;           // lines in the ring
    int lines;          // lines of the board that are in: what lies beyond is padding
    int golden_lines;
    int golden_samples;
    int tiles;          // tiles in this launch; the rest of the batch is not touched
    float threshold;    // least score
    float iou;          // of suppression; 2 for none
    int golden_ring;    // lines in the golden board's ring
    int corners[2 * MAX_BATCH];  // x, y of each tile in pixels of the board
};

#if INPUT_BITS == 16
typedef unsigned short element;
static __device__ element convert(float value) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#elif INPUT_BITS == 8
typedef u8 element;
static __device__ element convert(float value) { return (u8)value; }
#else
typedef float element;
static __device__ element convert(float value) { return value; }
#endif

struct alignas(INPUT_BITS == 8 ? 8 : 16) Run { element at[8]; };

#if CHANNELS == 0
#define PLANES 1
#elif CHANNELS == 3
#define PLANES 2
#else
#define PLANES 3
#endif

static __device__ u8 grey(const u8* pixel) {  // the fixed-point weights that OpenCV uses
    return (u8)((pixel[0] * 9798 + pixel[1] * 19235 + pixel[2] * 3735 + 16384) >> 15);
}

// Reads eight pixels of one plane that start at `x` of a line; `missing` beyond the board.
static __device__ void read_run(const u8* line, int x, int width, int samples, int plane, u8 missing, u8* out) {
    if (samples == 1) {
        const u8* from = line + x;
        if (x + 8 <= width && ((u64)from & 7) == 0) {
            *(u64*)out = *(const u64*)from;
            return;
        }
#pragma unroll
        for (int i = 0; i < 8; ++i) out[i] = x + i < width ? from[i] : missing;
        return;
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const u8* pixel = line + 3 * (u64)(x + i);
        out[i] = x + i >= width ? missing : (plane < 0 ? grey(pixel) : pixel[plane]);
    }
}

static __device__ void write_run(element* to, const u8* values) {
    Run run;
#pragma unroll
    for (int i = 0; i < 8; ++i) run.at[i] = convert((float)values[i] * SCALE);
#if CHANNELS_LAST
#pragma unroll
    for (int i = 0; i < 8; ++i) to[i * PLANES] = run.at[i];
#else
    *(Run*)to = run;
#endif
}

extern "C" __global__ void __launch_bounds__(128) preprocess(const Batch* b, element* input, unsigned* counters) {
    const int tile = blockIdx.y;
    if (blockIdx.x == 0 && threadIdx.x < 2) counters[2 * tile + threadIdx.x] = 0;  // candidates, non-finite values
    const int runs = TILE_WIDTH / 8;
    const int run = blockIdx.x * 128 + threadIdx.x;
    if (tile >= b->tiles || run >= runs * TILE_HEIGHT) return;
    const int row = run / runs, column = run % runs * 8;
    const int x = b->corners[2 * tile] + column, y = b->corners[2 * tile + 1] + row;
    const u64 plane_size = (u64)TILE_HEIGHT * TILE_WIDTH;
    const u64 pixel = (u64)row * TILE_WIDTH + column;
    element* to = input + tile * PLANES * plane_size + (CHANNELS_LAST ? pixel * PLANES : pixel);
    alignas(8) u8 values[8];
#pragma unroll
    for (int plane = 0; plane < PLANES; ++plane) {
        const bool from_golden = CHANNELS == 3 && plane == 1;
        const u8 missing = from_golden ? GOLDEN_MISSING : PAD;
        const int sample = CHANNELS == 1 ? plane : CHANNELS == 2 ? 2 - plane : -1;
        const int samples = from_golden ? b->golden_samples : b->samples;
        const int place = y % (from_golden ? b->golden_ring : b->ring);
        const u64 base = (from_golden ? b->golden : b->board) + (u64)place * b->width * samples;
        if (y < b->lines && (!from_golden || (b->golden != 0 && y < b->golden_lines))) {
            read_run((const u8*)base, x, b->width, samples, sample, missing, values);
        } else {
#pragma unroll
            for (int i = 0; i < 8; ++i) values[i] = missing;
        }
        write_run(to + (CHANNELS_LAST ? (u64)plane : plane * plane_size), values);
    }
}
