// The entry point of the image: serves the function that FUNCTION_TARGET names. Without it, everything in one process, which
// takes the arguments of oci-chartrepo (spec CR-13); what it keeps is gone with the container, unless told otherwise.
if (process.env["FUNCTION_TARGET"]) {
  void import("./knative.ts");
} else {
  process.argv.splice(2, 0, "up", "--host=0.0.0.0", "--data=/tmp/stowage");
  void import("./stowage.ts");
}

export {};
