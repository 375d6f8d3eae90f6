import { writeFile } from "node:fs/promises";
import { pages } from "./pages.ts";

/** `npm run docs`: write the pages of docs/ that are made from code. A test fails when they differ. */
for (const [file, text] of Object.entries(pages())) await writeFile(file, text);
