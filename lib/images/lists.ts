/** The face for those who only read image lists: without charts, templates and YAML, of which index.ts needs all. */
export { describeDefect, type ImageList, type ListDefect, type ListInput, readLists } from "./list-file.ts";
export { listInFile, listInStore, listOfLines, listsOnDisk } from "./list-inputs.ts";
export { type DefectName, type ListedImage, type ListForm, type ListRules, listDefects, nameOf } from "./list-line.ts";
