/** An append-only file of lines. */
export interface RunLog {
  /**
   * The line is with the system when this returns, so that a killed process loses none. @throws DISK_FULL,
   * OUTPUT_NOT_WRITABLE
   */
  append(line: string): void
  close(): void
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
  /**
   * Writes a file whole or not at all, in place of one that was there.
   * @param data bytes or text; or pieces of bytes, each made when the one before is written
   * @throws DISK_FULL, OUTPUT_NOT_WRITABLE
   */
  write(name: string, data: Uint8Array | string | Iterable<Uint8Array>): Promise<void>
  /** Opens a file of lines for appending, cut to its first `keep` bytes. */
  openLog(name: string, keep: number): Promise<RunLog>
  release(): void
}
