#!/usr/bin/env node
import "./young-generation.ts";
import { prepare } from "../lib/cli/prepare.ts";

prepare(process.argv.slice(2));
// what was started gets ready while the rest is loaded
void import("./command-line.ts");
