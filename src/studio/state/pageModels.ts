/** The models and the engine of a page that works in the tab: fetched once, kept in the browser. */
export interface PageModels {
  /** How much of them is here, bytes. */
  models(): Promise<{
    readonly state: 'none' | 'partial' | 'ready'
    readonly here: number
    readonly total: number
  }>
  /**
   * Fetches what is missing, checked by its hash.
   * @throws DOWNLOAD_FAILED, MODEL_DAMAGED, DISK_FULL; INTERRUPTED when `signal` aborts
   */
  fetchModels(onProgress: (here: number, total: number) => void, signal: AbortSignal): Promise<void>
}
