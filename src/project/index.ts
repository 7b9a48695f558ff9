/** The annotator's work on disk. Node only; the page imports the files alone that are pure. */
export { parseAction } from "./action-schema.ts";
export { toText } from "./action-text.ts";
export * from "./annotation.ts";
export * from "./box.ts";
export * from "./dicom-folder.ts";
export * from "./doubt.ts";
export * from "./errors.ts";
export * from "./history.ts";
export * from "./image-files.ts";
export * from "./image-work.ts";
export * from "./import.ts";
export * from "./journal.ts";
export { type JournalHeader, journalLine, parseJournal } from "./journal-text.ts";
export * from "./labels.ts";
export * from "./project-file.ts";
export * from "./slice-labels.ts";
export * from "./tally.ts";
