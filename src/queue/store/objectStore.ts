/** What a file in the store should be. */
export interface FileDigest {
  readonly sha256: string
  readonly bytes: number
}

/**
 * Objects by key ('inputs/<hash>', 'jobs/<id>/...'), in a shared folder or a bucket. A write is whole or not at all,
 * and seen by all who read after it. What does not answer is asked again for minutes before it is an error.
 */
export interface ObjectStore {
  /** As people know it: the folder, or the bucket's address. */
  readonly place: string
  /** The bytes of a small object; null where there is none. @throws STORE_* */
  read(key: string): Promise<Uint8Array | null>
  /** Writes a small object, in place of one that was there. @throws STORE_*, DISK_FULL */
  write(key: string, data: Uint8Array | string): Promise<void>
  /** Writes one only where none is. @returns whether it was written */
  create(key: string, data: string): Promise<boolean>
  /** The size of an object, bytes; null where there is none. */
  size(key: string): Promise<number | null>
  /**
   * Puts a file there; what an upload that was cut off left is gone on with.
   * @throws STORE_DAMAGED where the file is not what `digest` says
   */
  upload(key: string, path: string, digest: FileDigest): Promise<void>
  /**
   * Fetches an object into a file that is there only when its bytes are those that `digest` names.
   * @returns false where there is none
   * @throws STORE_DAMAGED where its bytes are others
   */
  download(key: string, path: string, digest: FileDigest): Promise<boolean>
  /** The names right under a folder of keys that ends with a slash, sorted: 'jobs/<id>/' has the fences. */
  children(folder: string): Promise<string[]>
  /** Removes objects; those that are not there count as removed. */
  remove(keys: readonly string[]): Promise<void>
  close(): void
}
