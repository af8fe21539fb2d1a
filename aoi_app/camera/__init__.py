"""Line-scan cameras and the assembler that turns their line blocks into boards."""
