import "../lib/images/optional/worker.ts";
