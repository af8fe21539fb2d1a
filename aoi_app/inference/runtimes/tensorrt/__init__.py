"""Detection on an NVIDIA GPU through TensorRT or TensorRT for RTX, driven by cuda-python."""
