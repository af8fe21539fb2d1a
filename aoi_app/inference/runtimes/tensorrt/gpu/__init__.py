"""The CUDA driver API as far as detection needs it: devices, memory, streams, graphs, kernels."""
