import { expect, test } from 'vitest'
import { imageOptions, optionNames, optionRow, settingNames } from './imageOptions.js'
import { kebabCase } from './optionRow.js'
import { parseOption } from './parseOption.js'
import { presets } from './presets.js'
import { resolveSettings } from './resolveSettings.js'

function noSeed(): number {
  throw new Error('a seed was set, none should be drawn')
}
function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
  return 'no error'
}

test('every row has a default that its own rule accepts, and an example that it accepts', () => {
  for (const name of optionNames) {
    const row = optionRow(name)
    if (row.default !== null) expect(parseOption(name, row.default), name).toEqual(row.default)
    const unquoted = row.example.replace(/^"|"$/g, '')
    if (row.type !== 'switch') expect(() => parseOption(name, unquoted), name).not.toThrow()
    if (row.sameAs !== undefined) expect(optionNames, name).toContain(row.sameAs)
  }
  expect(new Set(optionNames.map(kebabCase)).size).toBe(optionNames.length)
})

test('presets set only what a preset may set, within the ranges', () => {
  for (const [preset, table] of Object.entries(presets)) {
    for (const [name, value] of Object.entries(table)) {
      expect(imageOptions[name as keyof typeof imageOptions].preset, `${preset}.${name}`).toBe(true)
      expect(parseOption(name as keyof typeof imageOptions, value)).toEqual(value)
    }
  }
})

test('the reference preset is the defaults: both are the published numbers', () => {
  for (const [name, value] of Object.entries(presets.reference))
    expect(optionRow(name as keyof typeof imageOptions).default, name).toEqual(value)
})

test('flags override the config, the config the preset, the preset the defaults', () => {
  const config = { preset: 'preview', views: 6, seed: 3 } as const
  expect(resolveSettings([config], noSeed)).toMatchObject({ steps: presets.preview.steps, views: 6, momentum: 0.9 })
  expect(resolveSettings([config, { views: 5 }], noSeed).views).toBe(5)
  expect(resolveSettings([config, { preset: 'reference' }], noSeed)).toMatchObject({
    steps: 1000,
    views: 6,
    viewSharing: 'none',
  })
  expect(resolveSettings([], () => 9)).toMatchObject({ preset: 'fast', seed: 9 })
})

test('an option left out takes the value of the one it follows', () => {
  const settings = resolveSettings([{ prompt: ['gold'], lambdaComposition: 3, steps: 40, seed: 1 }], noSeed)
  expect(settings).toMatchObject({
    screen: ['gold'],
    source: ['image'],
    lambdaDirectional: 3,
    bootstrapSteps: 40,
    region: [],
  })
  expect(resolveSettings([{ screen: ['a'], lambdaDirectional: 0, seed: 1 }], noSeed)).toMatchObject({
    screen: ['a'],
    lambdaDirectional: 0,
  })
})

test('resolved settings are complete and leave out what only steers the command', () => {
  const settings = resolveSettings([{ seed: 1 }], noSeed)
  expect(Object.keys(settings)).toEqual(settingNames)
  expect(Object.values(settings)).not.toContain(undefined)
  expect(settings).not.toHaveProperty('json')
})

test('a seed of -1 is drawn as an unsigned 32-bit number', () => {
  expect(resolveSettings([{ seed: -1 }], () => -1).seed).toBe(4_294_967_295)
  expect(resolveSettings([{ seed: 0 }], noSeed).seed).toBe(0)
})

test.each([
  [{ views: 0 }, 'OPTION_INVALID: views takes a whole number from 1 to 256; got 0.'],
  [{ steps: 1.5 }, 'OPTION_INVALID: steps takes a whole number from 1 to 1000000 (steps); got 1.5.'],
  [{ learningRate: 0 }, 'OPTION_INVALID: learningRate takes a number above 0, at most 1; got 0.'],
  [{ learningRate: Number.NaN }, 'OPTION_INVALID: learningRate takes a number above 0, at most 1; got NaN.'],
  [
    { size: 191 },
    'OPTION_INVALID: size takes a whole number from 192 to 4096 (px), or 0: the photo as it is; got 191.',
  ],
  [
    { preset: 'fats' },
    'OPTION_INVALID: preset takes one of fast, preview, reference, paper; got "fats". Did you mean "fast"?',
  ],
  [
    { preset: 'paper', precision: 'int8' },
    'OPTION_INVALID: --precision int8 rounds what the guidance computes, and the preset paper is to compute as it was published. ' +
      'Use --precision float32, or the preset fast or preview.',
  ],
  [{ device: 'gpu' }, 'OPTION_INVALID: device takes one of auto, cpu, webgpu, cuda; got "gpu". Did you mean "cpu"?'],
  [
    { prompt: ['  '] },
    'PROMPT_EMPTY: prompt takes words, for example "golden teapot"; got an empty text. Give a text or leave prompt out.',
  ],
  [{ view: 3 }, 'OPTION_UNKNOWN: There is no option "view". The nearest is "views".'],
  [{ preset: 'reference', scaleMin: 1.3 }, 'OPTION_INVALID: --scale-min must not exceed --scale-max; got 1.3 and 1.2.'],
  [
    { preset: 'reference', size: 192, cropsMinCover: 0.8 },
    'OPTION_INVALID: The generator needs crops of at least 129 px; a short side of 192 px with --scale-min 0.8 and ' +
      '--crops-min-cover 0.8 gives 122 px. Use --size 203 or more, or raise those two.',
  ],
])('refuses %j', (given, text) => {
  expect(codeOf(() => resolveSettings([{ seed: 1 }, given as never], noSeed))).toBe(text)
})
