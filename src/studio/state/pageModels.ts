/** The models of a page that works in the tab. */
export interface PageModels {
  /** @returns are they all here, and how many bytes are they? */
  state(): Promise<{ readonly ready: boolean; readonly bytes: number }>
  /**
   * Fetches what is missing, checked by its hash.
   * @param progress bytes that are here
   * @throws DOWNLOAD_FAILED, DISK_FULL
   */
  fetch(progress: (bytes: number) => void): Promise<void>
}
