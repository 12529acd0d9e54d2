import { Text2LiveError } from '../errors.js'
import { imageOptions, type ImageSettings } from './imageOptions.js'

/** What turns the region off, in its place. */
const NONE = 'none'

/**
 * The region texts of a run: those that were given, or `agreed`, that they are to be found among the words of the
 * prompt; empty for no region.
 */
export type RegionTexts = readonly string[] | 'agreed'

/** The texts that were given; none of a region that is to be found. */
export const givenTexts = (region: RegionTexts): readonly string[] => (region === 'agreed' ? [] : region)

/**
 * Where the edit goes. Where nobody said it, and the object's map is asked for, it is what the photo shows by `source`,
 * or else what the prompt and the photo agree on.
 * @throws OPTION_INVALID for "none" beside other texts
 */
export function regionTexts({
  region,
  source,
  relevancy,
}: Pick<ImageSettings, 'region' | 'source' | 'relevancy'>): RegionTexts {
  const none = region.some((text) => text.trim().toLowerCase() === NONE)
  if (none && region.length > 1) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `--region ${NONE} turns the region off and stands alone; got ${region.length} texts. Leave "${NONE}" out to use the others.`,
    )
  }
  if (none) return []
  if (region.length > 0) return region
  if (relevancy !== 'object') return []
  return sourceIsGiven(source) ? source : 'agreed'
}

const unsaid: readonly string[] = imageOptions.source.default

/** Whether somebody said what the photo shows. */
const sourceIsGiven = (source: readonly string[]): boolean => JSON.stringify(source) !== JSON.stringify(unsaid)
