import { setFlagsFromString } from "node:v8";

/**
 * Keep the part of the heap small where everything begins. Blobs stream through buffers that the collector of that part
 * gives back. While the part grows, as by default, up to 40 MB more of them wait when images go to disk, and 10 MB more
 * between registries. Nothing takes longer for it.
 */
setFlagsFromString("--semi-space-growth-factor=1");

/**
 * Megabytes with which that part begins, and stays, in threads that are started from here on. They render charts: with 1 MB,
 * most of what a chart makes lives long enough to be taken for lasting, and costs a tenth more time.
 */
setFlagsFromString("--min-semi-space-size=8");
