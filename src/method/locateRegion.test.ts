import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { colourWords } from '../../test/support/colourWords.js'
import { relativeError } from '../../test/support/readFixture.js'
import { twoObjects } from '../../test/support/twoObjects.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { overlap } from '../media/changeMeasures.js'
import type { FloatImage } from '../media/image.js'
import type { GuidanceModel } from '../models/guidance.js'
import { folderSource } from '../models/node/folderSource.js'
import { loadOutline, type OutlineModel } from '../models/outline.js'
import { locateRegion, nameInPrompt, namesIn, regionNote } from './locateRegion.js'
import { relevancyMap } from './relevancyMap.js'
import { embedRegion } from './textTargets.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const { photo, disc, square } = twoObjects(160, 200)
/** The photo with the disc alone: the one thing that stands out. */
const single: FloatImage = {
  ...photo,
  data: photo.data.map((x, at) => (square.data[at % square.data.length] ? 0.55 : x)),
}

let guidance: GuidanceModel
let outline: OutlineModel
beforeAll(async () => {
  guidance = await colourWords(
    { disc: [1, -0.5, -0.5], box: [-0.5, -0.5, 1], ground: [0.3, 0.3, 0.3], golden: [0.6, 0.5, 0] },
    runtime,
  )
  outline = await loadOutline(await folderSource(fileURLToPath(new URL('../../models/outline', import.meta.url))))
})

async function located(
  picture: FloatImage,
  texts: readonly string[],
  rivals: readonly string[] = [],
  model = guidance,
) {
  const embedded = [await embedRegion(model, texts, false, undefined, rivals)]
  return await locateRegion({
    photo: picture,
    guidance: [model],
    embedded,
    texts,
    relevancy: 'object',
    outline,
    runtime,
  })
}

describe('the object of a region', () => {
  it('has the outline of what stands out where the words mean that', async () => {
    const { map, by } = await located(single, ['disc'], ['box', 'ground'])
    expect(by).toBe('outline')
    expect(overlap(map!, disc.map)).toBeGreaterThan(0.9)
    expect([map!.width, map!.height, map!.channels]).toEqual([photo.width, photo.height, 1])
    expect(Math.min(...map!.data)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...map!.data)).toBeLessThanOrEqual(1)
  })

  it('is the part of the outline that speaks for the words, where another part speaks for a rival', async () => {
    // The network finds both; the words mean one.
    const {
      outline: both,
      map,
      by,
    } = (await located(photo, ['disc'], ['box', 'ground'])) as Awaited<ReturnType<typeof located>> & {
      outline: FloatImage
    }
    expect(by).toBe('outline')
    const mean = (of: FloatImage, within: FloatImage) =>
      of.data.reduce((sum, x, i) => sum + x * within.data[i]!, 0) / within.data.reduce((sum, x) => sum + x, 0)
    expect(mean(map!, disc.map)).toBeGreaterThan(0.9)
    expect(mean(map!, square)).toBeLessThan(0.1)
    expect(mean(both, disc.map)).toBeGreaterThan(0.9)
  })

  it('is found without rivals by a model that cannot compare texts', async () => {
    const { map, by } = await located(single, ['disc'], ['box', 'ground'], { ...guidance, comparesTexts: false })
    expect(by).toBe('outline')
    expect(overlap(map!, disc.map)).toBeGreaterThan(0.9)
  })

  it('is where the words answer, when they mean what does not stand out, or nothing does', async () => {
    const { map, by } = await located(single, ['ground'], ['disc', 'box'])
    expect(by).toBe('words')
    const question = [{ model: guidance, texts: (await embedRegion(guidance, ['ground'], false)).region }]
    expect(relativeError(map!.data, (await relevancyMap(single, question, runtime)).data)).toBeLessThan(1e-4)
    const grey = { ...photo, data: photo.data.map(() => 0.5) }
    expect((await located(grey, ['disc'])).by).toBe('words')
  })

  it('of words for what is around things is what speaks for them, less what stands out', async () => {
    const words = await colourWords(
      { sky: [0.4, 0.35, 0.25], meadow: [0.4, 0.35, 0.24], disc: [1, -0.5, -0.5], box: [-0.5, -0.5, 1] },
      runtime,
    )
    for (const text of ['sky', 'meadow']) {
      const { map, by } = await located(single, [text], ['sky', 'disc', 'box'], words)
      expect(by).toBe('surroundings')
      expect(overlap({ ...map!, data: map!.data.map((x) => 1 - x) }, disc.map)).toBeGreaterThan(0.85)
    }
    // The same words are of a thing where no known name of surroundings is as near.
    expect((await located(single, ['disc'], ['sky', 'box'], words)).by).toBe('outline')
    expect((await located(single, ['sky'], ['disc', 'box'], words)).by).not.toBe('surroundings')
    expect(regionNote({ texts: ['sky'], by: 'surroundings' }, ['sky'])).toMatch(/"sky" is around what stands out/)
  })

  it('needs the outline network', async () => {
    const embedded = [await embedRegion(guidance, ['disc'], false)]
    await expect(
      locateRegion({
        photo,
        guidance: [guidance],
        embedded,
        texts: ['disc'],
        relevancy: 'object',
        outline: null,
        runtime,
      }),
    ).rejects.toMatchObject({ code: 'GUIDANCE_INVALID' })
  })
})

describe('names in a prompt', () => {
  it.each([
    ['golden teapot', ['teapot', 'golden teapot']],
    ['a Dog made of wood', ['dog', 'wood']],
    ["fire out of the bear's mouth", ['fire', 'mouth', "bear's mouth"]],
    ['red sports car on the road', ['car', 'sports car', 'red sports car', 'road']],
    ['the', []],
    ['茶壶', []],
  ])('of %j end a phrase', (prompt, names) => {
    expect(namesIn([prompt], [guidance])).toEqual(names)
  })

  it("one is the photo's: the nearest to the whole of it", async () => {
    const red = { ...photo, data: photo.data.map((_, at) => (at < photo.data.length / 3 ? 0.9 : 0.1)) }
    expect(await nameInPrompt(['a box beside a disc'], red, [guidance], false, runtime)).toBe('disc')
    expect(await nameInPrompt(['the'], red, [guidance], false, runtime)).toBeNull()
  })

  it('are announced, also where there is none', () => {
    expect(regionNote({ texts: ['teapot'], by: 'outline' }, 'agreed')).toMatch(
      /region and source: "teapot", which prompt and photo agree on/,
    )
    expect(regionNote({ texts: [], by: null }, 'agreed')).toMatch(/^region: none/)
    expect(regionNote({ texts: ['sky'], by: 'words' }, ['sky'])).toMatch(/"sky" is not what stands out/)
    expect(regionNote({ texts: ['sky'], by: null }, ['sky'])).toBeNull()
  })
})
