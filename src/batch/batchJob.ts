import type { OptionValue } from '../options/parseOption.js'

/** One job of a list: plain JSON, all that a machine needs to know of it besides the files that it names. */
export interface BatchJob {
  /** Unlike that of any other job of the list; the same as `out`. */
  readonly id: string
  readonly kind: 'photo' | 'clip'
  /** Path of the photo or clip, relative to the working folder or absolute; of a clip also a folder of images. */
  readonly input: string
  /**
   * Options as the table of the kind names and takes them (`imageOptions`, `videoOptions`), all that the list and its
   * defaults set; without `photo`, `clip`, `out`. Paths are relative to the working folder or absolute.
   */
  readonly options: Readonly<Record<string, OptionValue>>
  /** Name of the run folder in the folder of the batch: one part of a path. */
  readonly out: string
  /** Line of the list that it comes from, from 1. */
  readonly line: number
}
