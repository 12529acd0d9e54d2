import type { FileWriter } from '../media/clipCodec.js'

/** An append-only file of lines. */
export interface RunLog {
  /**
   * The line is with the system when this returns, so that a killed process loses none. @throws DISK_FULL,
   * OUTPUT_NOT_WRITABLE
   */
  append(line: string): void
  /** Closes the file. */
  close(): void
}

/** Files that are made aside and do not have their names yet. */
export interface NewFiles {
  /** @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  write(name: string, data: Uint8Array): Promise<void>
  /** A file that is written piece by piece; it must be closed. @throws DISK_FULL, OUTPUT_NOT_WRITABLE */
  create(name: string): Promise<FileWriter>
}

/**
 * Where the files of one run are kept: a folder, the browser's origin-private file system, memory. Files have the names
 * that a run folder has ('config.yaml', 'previews/step-000010.png'). One holder at a time: who opens a store holds it
 * until it is released.
 */
export interface RunStore {
  /** Where the run is, as people know it and as `--resume` takes it. */
  readonly path: string
  /** A file of it, as events and messages call it. */
  file(name: string): string
  /** The file's bytes; null where there is none. @throws RUN_INVALID for what is no regular file */
  read(name: string): Promise<Uint8Array | null>
  /** Is there such a file? @throws RUN_INVALID for what is no regular file */
  has(name: string): Promise<boolean>
  /** The names of what lies right in a folder of the run, sorted; none where there is no such folder. */
  list(folder: string): Promise<string[]>
  /**
   * Writes a file whole or not at all, in place of one that was there.
   * @param data bytes or text; or pieces of bytes, each made when the one before is written
   * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
   */
  write(name: string, data: Uint8Array | string | Iterable<Uint8Array>): Promise<void>
  /**
   * Lets `make` fill files aside. Those that it returns, files or folders of files, take their names when all are
   * written, in place of older ones; a failure leaves what was there.
   * @throws DISK_FULL, OUTPUT_NOT_WRITABLE; what `make` throws
   */
  replace(make: (files: NewFiles) => Promise<readonly string[]>): Promise<void>
  /** Removes a file, or a folder with all that is in it; nothing where there is none. @throws OUTPUT_NOT_WRITABLE */
  remove(name: string): Promise<void>
  /** Opens a file of lines for appending, cut to its first `keep` bytes. */
  openLog(name: string, keep: number): Promise<RunLog>
  /** Lets the run go, so that others may hold it. */
  release(): void
}
