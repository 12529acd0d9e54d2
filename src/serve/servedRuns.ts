import type { NamedFile, RunHost } from '../session/runHost.js'

/** A file of a run, open to be read. */
export interface OpenFile {
  readonly bytes: number
  /** Its pieces; ends the reading where it is left early. */
  readonly pieces: AsyncIterable<Uint8Array>
}

/** The runs of the studio's server, as its HTTP interface asks for them. */
export interface ServedRuns extends Pick<
  RunHost,
  'machine' | 'watch' | 'submit' | 'ask' | 'setMask' | 'locate' | 'paint'
> {
  /** A PNG of a photo, for a page to show. @throws INPUT_* */
  preview(photo: NamedFile, signal: AbortSignal): Promise<Uint8Array>
  /** The files a run has now. @throws RUN_NOT_FOUND */
  files(run: string): Promise<readonly { readonly name: string; readonly bytes: number }[]>
  /** Null where there is none of that name. @throws RUN_NOT_FOUND, RUN_INVALID for a link or no regular file */
  open(run: string, name: string): Promise<OpenFile | null>
  /** The pieces of a zip that the command line continues. @throws RUN_NOT_FOUND */
  zip(run: string): Promise<AsyncIterable<Uint8Array>>
  /**
   * Takes a zip of a run, of this host or another.
   * @param name what it is called
   * @returns its name
   * @throws RUN_INVALID, CONFIG_*, INPUT_*
   */
  bring(zip: Uint8Array, name: string): Promise<string>
}
