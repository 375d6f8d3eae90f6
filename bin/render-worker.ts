import "../lib/helm/render/worker.ts";
