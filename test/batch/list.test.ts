import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BatchListError } from '../../src/batch/list/batchListError.js'
import { readBatchList } from '../../src/batch/readBatchList.js'

let home: string
const at = (...names: string[]): string => join(home, ...names)
let png: Buffer

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-list-'))
  png = await sharp({ create: { width: 40, height: 40, channels: 3, background: '#a63' } })
    .png()
    .toBuffer()
  for (const folder of ['photos', 'photos/deep', 'frames', 'empty']) mkdirSync(at(folder))
  for (const name of ['photos/b.png', 'photos/a.png', 'photos/deep/c.png', 'mask.png', 'frames/00000.png'])
    writeFileSync(at(name), png)
  writeFileSync(at('photos/notes.txt'), 'no picture')
  // A GIF is a clip, by its first bytes alone.
  writeFileSync(at('photos/swan.gif'), 'GIF89a')
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

function read(name: string, text: string | Uint8Array, defaults = {}) {
  writeFileSync(at(name), text)
  return readBatchList(at(name), defaults)
}

async function faultsOf(name: string, text: string | Uint8Array): Promise<string[]> {
  const error: unknown = await read(name, text).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(BatchListError)
  expect(error).toMatchObject({ code: 'LIST_INVALID', exitStatus: 2 })
  return (error as BatchListError).faults.map(
    ({ code, line, column, message }) => `${line}:${column} ${code} ${message}`,
  )
}

describe('a list of jobs', () => {
  const same = [
    { id: 'a', kind: 'photo', out: 'a', options: { prompt: ['golden, "bowl"'], seed: 7, truncate: true } },
    { id: 'swan', kind: 'clip', out: 'swan', options: { prompt: ['golden swan'], seed: 7, layer: 'background' } },
  ]

  test.each([
    [
      'jobs.csv',
      'input,prompt,seed,truncate,layer\r\nphotos/a.png,"golden, ""bowl""",7,TRUE,\r\n\r\nphotos/swan.gif,golden swan,7,,background\r\n',
    ],
    [
      'jobs.tsv',
      '\ufeffinput\tprompt\tseed\ttruncate\tlayer\nphotos/a.png\t"golden, ""bowl"""\t7\ttrue\nphotos/swan.gif\tgolden swan\t7\t\tbackground',
    ],
    [
      'jobs.jsonl',
      '{"defaults":{"seed":7}}\n{"input":"photos/a.png","prompt":"golden, \\"bowl\\"","truncate":true}\n\n{"clip":"photos/swan.gif","prompt":["golden swan"],"layer":"background"}\n',
    ],
    [
      'jobs.yaml',
      'defaults: { seed: 7 }\njobs:\n  - photo: photos/a.png\n    prompt: golden, "bowl"\n    truncate: true\n  - input: photos/swan.gif\n    prompt: golden swan\n    layer: background\n',
    ],
  ])('%s: one row a job, relative to the list', async (name, text) => {
    const { jobs } = await read(name, text)
    expect(jobs).toMatchObject(same)
    expect(jobs.map(({ input }) => input)).toEqual([at('photos/a.png'), at('photos/swan.gif')])
    expect(JSON.parse(JSON.stringify(jobs))).toEqual(jobs)
  })

  test('what the command sets stands above the defaults of the list and below its rows', async () => {
    const text =
      'defaults: { steps: 5, views: 2, size: 300 }\njobs:\n  - { input: photos/a.png, prompt: gold, views: 3 }\n'
    const { jobs } = await read('jobs.yaml', text, { views: 4, steps: 6, frames: 8 })
    expect(jobs[0]?.options).toEqual({ prompt: ['gold'], steps: 6, views: 3, size: 300 })
    await expect(read('jobs.yaml', text, { viewz: 4 })).rejects.toMatchObject({ code: 'OPTION_UNKNOWN' })
  })

  test('an option of clips alone is none of a photo, as a default', async () => {
    const { jobs } = await read('jobs.jsonl', '{"defaults":{"frames":8,"prompt":"gold"}}\n{"input":"photos"}')
    expect(jobs.map(({ out, options }) => [out, options['frames']])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['swan', 8],
    ])
  })

  test('a column that stands twice gives two texts', async () => {
    const { jobs } = await read('jobs.csv', 'input,prompt,prompt,region\nphotos/a.png,gold,golden bowl,bowl')
    expect(jobs[0]?.options).toEqual({ prompt: ['gold', 'golden bowl'], region: ['bowl'] })
  })

  test.each([
    ['photos', ['a', 'b', 'swan']],
    ['photos/*.png', ['a', 'b']],
    ['photos/**/*.png', ['a', 'b', 'c']],
  ])('the input %s is a job for each', async (input, outs) => {
    const { jobs } = await read('jobs.csv', `input,prompt\n${input},gold`)
    expect(jobs.map(({ out }) => out)).toEqual(outs)
    const named = await read('jobs.csv', `input,prompt,out\n${input},gold,{name}-gold`)
    expect(named.jobs.map(({ out }) => out)).toEqual(outs.map((out) => `${out}-gold`))
  })

  test('a folder is a clip where the row says so', async () => {
    const { jobs } = await read('jobs.csv', 'clip,prompt\nframes,gold')
    expect(jobs).toMatchObject([{ kind: 'clip', input: at('frames'), out: 'frames' }])
  })

  test('paths of options are relative to the list, names of models stay', async () => {
    const { jobs } = await read('jobs.csv', 'input,prompt,mask,guidance\nphotos/a.png,gold,mask.png,starter')
    expect(jobs[0]?.options).toMatchObject({ mask: at('mask.png'), guidance: ['starter'] })
  })
})

describe('the faults of a list', () => {
  test.each([
    ['views', 'photos/a.png,gold,900', '2:19 OPTION_INVALID views takes a whole number from 1 to 256; got "900".'],
    ['viewz', 'photos/a.png,gold,9', '1:14 CONFIG_UNKNOWN_KEY There is no option "viewz". The nearest is "views".'],
    ['force', 'photos/a.png,gold,true', '1:14 CONFIG_UNKNOWN_KEY "force" is no option of a job. Remove it.'],
    [
      'frames',
      'photos/a.png,gold,9',
      '2:19 CONFIG_UNKNOWN_KEY "frames" is an option for clips, and the input is a photo.',
    ],
    ['truncate', 'photos/a.png,gold,yes', '2:19 OPTION_INVALID truncate takes true or false; got "yes".'],
    ['mask', 'photos/a.png,gold,none.png', '2:19 INPUT_NOT_FOUND "mask" names "'],
    ['over', 'photos/a.png,gold,photos', '2:19 RUN_NOT_FOUND "over" names "'],
    ['out', 'photos/a.png,gold,../away', '2:19 OPTION_INVALID Expected "out" to be the name of a folder'],
    ['out', 'photos/a.png,gold,.hidden', '2:19 OPTION_INVALID Expected "out" to be the name of a folder'],
    ['seed', 'photos/z.png,gold,7', '2:1 INPUT_NOT_FOUND Expected a photo or a clip, but there is no file "'],
    ['seed', 'photos/*.bmp,gold,7', '2:1 INPUT_NOT_FOUND Expected files for the pattern'],
    ['seed', 'empty,gold,7', '2:1 INPUT_NOT_FOUND Expected a folder with photos or clips'],
    ['seed', 'photos/notes.txt,gold,7', '2:1 INPUT_NOT_IMAGE '],
    ['seed', 'photos/a.png,,7', '2:1 PROMPT_EMPTY A prompt is needed'],
    ['seed', ',gold,7', '2:1 INPUT_NOT_FOUND Expected a photo or a clip, but the row names none.'],
    [
      'photo',
      'photos/a.png,gold,photos/b.png',
      '2:19 OPTION_INVALID Expected one input, but "input" and "photo" name two.',
    ],
    ['seed', 'photos/a.png,gold,7,8', '2:21 LIST_INVALID Expected 3 fields as in the first line, but here are 4.'],
    ['seed', 'photos/a.png,"gold,7', '2:14 LIST_INVALID Expected a quote that closes this field, but the file ends.'],
    ['seed', 'photos/a.png,"gold"en,7', '2:20 LIST_INVALID Expected the end of the field behind its closing quote'],
    ['', 'photos/a.png,gold,7', '1:14 LIST_INVALID Expected the name of an option above each column'],
    ['scaleMin', 'photos/a.png,gold,1.5', '2:1 OPTION_INVALID --scale-min must not exceed --scale-max'],
  ])('under "%s": %s', async (column, row, fault) => {
    const faults = await faultsOf('jobs.csv', `input,prompt,${column}\n${row}\n`)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(fault)
    expect(faults[0]!.startsWith(fault.split(' ').slice(0, 2).join(' '))).toBe(true)
  })

  test('two jobs that would share a folder, also where a file system does not tell case', async () => {
    const text =
      'input,prompt,out\nphotos/a.png,gold,One\nphotos/b.png,gold,one\nphotos/a.png,gold,\nphotos/a.png,silver,\n'
    expect(await faultsOf('jobs.csv', text)).toEqual([
      expect.stringMatching(/^3:19 OUTPUT_EXISTS .* to the folder "one", as the job of line 2 is/),
      expect.stringMatching(/^5:1 OUTPUT_EXISTS .* to the folder "a", as the job of line 4 is/),
    ])
  })

  test.each([
    [
      'jobs.jsonl',
      '{"input":"photos/a.png","prompt":"x"}\n{"input" 3}',
      ['2:10 LIST_INVALID Expected one JSON object'],
    ],
    ['jobs.jsonl', '{"input":"photos/a.png","prompt":"x"}\n[3]', ['2:1 LIST_INVALID Expected a JSON object']],
    ['jobs.jsonl', '{"input":"photos/a.png", "input":"x"}', ['1:26 LIST_INVALID Map keys must be unique']],
    ['jobs.jsonl', '{"defaults":{"seedz":1}}\n{"input":"photos/a.png","prompt":"x"}', ['1:14 CONFIG_UNKNOWN_KEY']],
    [
      'jobs.jsonl',
      '{"input":"photos/a.png","prompt":"x"}\n{"defaults":{"seed":1}}',
      ['2:1 ', '2:2 CONFIG_UNKNOWN_KEY'],
    ],
    ['jobs.yaml', 'jobs:\n  - input: [a, b]\n    prompt: x\n', ['2:5 OPTION_INVALID Expected "input" to be one path']],
    ['jobs.yaml', 'jobs:\n  - input: photos/a.png\n   prompt: x\n', ['3:']],
    ['jobs.yaml', 'runs: []\n', ['1:1 LIST_INVALID Expected "defaults" and "jobs"']],
    ['jobs.yaml', '- photos/a.png\n', ['1:3 LIST_INVALID Expected a row of "option: value"']],
    ['jobs.yaml', 'a: 1\nb: &x [1]\n', ['1:1', '2:1']],
    ['jobs.yaml', '', ['1:1 LIST_INVALID Expected at least one job']],
    ['jobs.csv', '', ['1:1 LIST_INVALID Expected at least one job']],
    ['jobs.csv', 'input,prompt\n', ['1:1 LIST_INVALID Expected at least one job']],
  ])('%s: %j', async (name, text, starts) => {
    const faults = await faultsOf(name, text)
    expect(faults.map((fault, i) => fault.slice(0, starts[i]?.length ?? 0))).toEqual(starts)
  })

  test('what is no text, no list or not there is refused by code', async () => {
    await expect(read('jobs.csv', Uint8Array.of(0xff, 0xfe, 0x69, 0))).rejects.toMatchObject({ code: 'LIST_INVALID' })
    await expect(read('jobs.txt', 'input')).rejects.toMatchObject({ code: 'LIST_INVALID' })
    await expect(readBatchList(at('none.csv'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
  })

  test('30 faults in 10,000 rows are all named, each at its place', async () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => `photos/a.png,golden bowl,7,job-${i}`)
    const expected: string[] = []
    for (let n = 0; n < 30; n++) {
      const i = 17 + 331 * n
      const bad = [
        ['photos/none.png,gold,7,x', '1 INPUT_NOT_FOUND'],
        ['photos/a.png,gold,seven,x', '19 OPTION_INVALID'],
        ['photos/a.png,gold,7,job-1', '21 OUTPUT_EXISTS'],
      ][n % 3]!
      rows[i] = bad[0]!.replace(/x$/, `x-${n}`)
      expected.push(`${i + 2}:${bad[1]!}`)
    }
    const faults = await faultsOf('jobs.csv', `input,prompt,seed,out\n${rows.join('\n')}`)
    expect(faults.map((fault) => fault.split(' ').slice(0, 2).join(' '))).toEqual(expected)
  })
})
