import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command } from '../../test/support/command.js'
import { optionFlag, optionNames } from '../options/imageOptions.js'
import { kebabCase } from '../options/optionRow.js'
import { videoTable } from '../options/videoTable.js'

const start = process.cwd()
let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'text2live-cli-'))
  process.chdir(home)
  writeFileSync('notes.txt', 'not a picture')
  writeFileSync('empty.jpg', '')
  writeFileSync('broken.yaml', 'prompt: "gold\n')
  writeFileSync('typo.yaml', 'stesp: 3\n')
})
afterAll(() => {
  process.chdir(start)
  rmSync(home, { recursive: true, force: true })
})

test('help teaches with examples and costs nothing', async () => {
  const { status, out, err } = await command('--help')
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out).toContain('Usage: text2live [options] [command]')
  expect(out).toContain('$ text2live image teapot.jpg "golden teapot" --source teapot --region teapot')
  expect((await command()).out).toBe(out)
})

test('help of image lists every flag of the option table under its heading', async () => {
  const { out } = await command('image', '--help')
  for (const name of optionNames) expect(out, name).toContain(` ${optionFlag(name)}`)
  expect(out.split('\n').slice(0, 8)).toEqual([
    'Usage: text2live image <photo> "<prompt>" [options]',
    '',
    'edit a photo with a sentence',
    '',
    'Arguments:',
    '  photo                        the photo to edit: JPEG, PNG, WebP, AVIF or TIFF',
    '  prompt                       what the edited photo shows',
    '',
  ])
})

test('help of video lists every flag of its option table', async () => {
  const { out } = await command('video', '--help')
  for (const name of Object.keys(videoTable.rows)) expect(out, name).toContain(` --${kebabCase(name)}`)
  expect(out).toContain('$ text2live video --resume runs/swan-1')
  // What is read, in the words for the clip and for its option, as in those of the fit.
  const read = 'MP4, MOV, WebM, MKV, AVI, GIF, or a folder of images'
  expect(out.replaceAll(/\s+/g, ' ').split(read)).toHaveLength(3)
  expect((await command('atlas', 'fit', '--help')).out.replaceAll(/\s+/g, ' ').split(read)).toHaveLength(3)
})

test.each([
  ['image'],
  ['video'],
  ['atlas', 'fit'],
  ['atlas', 'inspect'],
  ['atlas', 'render'],
  ['relevancy'],
  ['score'],
  ['export-step'],
])('help of %s %s speaks of a config file only where it takes one', async (...words) => {
  const { out } = await command(...words, '--help')
  expect(out.includes('config file')).toBe(out.includes('--config <path>'))
})

test('version is that of the package', async () => {
  expect(await command('--version')).toEqual({
    status: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    err: '',
  })
})

test.each([
  [
    ['imag', 'a.jpg'],
    'COMMAND_UNKNOWN: There is no command "imag". The nearest is "image". "text2live --help" lists all.',
  ],
  [
    ['notes.txt', 'golden bowl'],
    'COMMAND_UNKNOWN: There is no command "notes.txt". To edit that photo: text2live image notes.txt "golden teapot"',
  ],
  [
    ['image', 'a.jpg', 'gold', '--learnin-rate', '1'],
    'OPTION_UNKNOWN: There is no option "--learnin-rate". The nearest is "--learning-rate". "text2live image --help" lists all.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--stps=3'],
    'OPTION_UNKNOWN: There is no option "--stps". The nearest is "--steps". "text2live image --help" lists all.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--steps'],
    'OPTION_INVALID: --steps <n> needs a value after it, and none came. "text2live image --help" shows examples.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--steps', 'ten'],
    'OPTION_INVALID: --steps takes a whole number from 1 to 1000000 (steps); got "ten". For example: --steps 200',
  ],
  [
    ['image', 'a.jpg', 'gold', '--size', '100'],
    'OPTION_INVALID: --size takes a whole number from 192 to 4096 (px), or 0: the photo as it is; got "100". For example: --size 256',
  ],
  [
    ['image', 'a.jpg', 'gold', '--preset', 'fsat'],
    'OPTION_INVALID: --preset takes one of fast, preview, reference, paper; got "fsat". Did you mean "fast"?',
  ],
  [
    ['image', 'a.jpg', 'gold', '--device', 'wbgpu'],
    'OPTION_INVALID: --device takes one of auto, cpu, webgpu, cuda; got "wbgpu". Did you mean "webgpu"?',
  ],
  [
    ['image', 'a.jpg', 'golden', 'teapot'],
    'OPTION_INVALID: text2live image takes one photo and one prompt; more words came. Put the prompt in quotes, for example: ' +
      'text2live image teapot.jpg "golden teapot"',
  ],
  [
    ['image', 'a.jpg', ' '],
    'PROMPT_EMPTY: prompt takes words, for example "golden teapot"; got an empty text. Give a text or leave prompt out.',
  ],
  [
    ['image', 'a.jpg'],
    'PROMPT_EMPTY: A prompt is needed: say what the edited photo shows. For example: text2live image teapot.jpg "golden teapot"',
  ],
  [
    ['image'],
    'PROMPT_EMPTY: A prompt is needed: say what the edited photo shows. For example: text2live image teapot.jpg "golden teapot"',
  ],
  [
    ['image', 'a.jpg', 'gold'],
    'INPUT_NOT_FOUND: Expected an image file, but there is no file "a.jpg". Check the path.',
  ],
  [
    ['image', 'empty.jpg', 'gold'],
    'INPUT_EMPTY: "empty.jpg" is empty (0 bytes). Give a JPEG, PNG, WebP, AVIF or TIFF file.',
  ],
  [
    ['image', 'notes.txt', 'gold'],
    'INPUT_NOT_IMAGE: Expected a JPEG, PNG, WebP, AVIF or TIFF file, but "notes.txt" looks like text ("not a picture"). Convert it to one of these.',
  ],
  [
    ['image', '--config', 'no.yaml'],
    'CONFIG_INVALID: There should be a YAML file at "no.yaml", but there is nothing. Check the path.',
  ],
  [
    ['image', '--config', 'broken.yaml'],
    'CONFIG_INVALID: broken.yaml is not valid YAML, at line 2, column 1:\n  \n  ^\nMissing closing "quote. Correct that line.',
  ],
  [
    ['image', '--config', 'typo.yaml'],
    'CONFIG_UNKNOWN_KEY: typo.yaml:1: there is no option "stesp". The nearest is "steps". Correct the name or remove the line; docs/options.md lists all.',
  ],
  [
    ['image', '--resume', 'gone'],
    'RUN_NOT_FOUND: There should be a run folder at "gone", but there is nothing. Check the path; runs are made in runs/ unless --out says otherwise.',
  ],
  [
    ['image', 'a.jpg', '--resume', 'gone'],
    'OPTION_INVALID: A run is continued with the photo it was started with; leave that out beside --resume, or start a new run.',
  ],
  [
    ['image', '--resume', 'gone', '--force'],
    'OPTION_INVALID: --force replaces a run folder, and --resume goes on with it; leave one of the two out.',
  ],
  [
    ['video', '--resume', 'gone', '--force'],
    'OPTION_INVALID: --force replaces a run folder, and --resume goes on with it; leave one of the two out.',
  ],
  [
    ['video', 'a.mp4', 'gold', '--stps=3'],
    'OPTION_UNKNOWN: There is no option "--stps". The nearest is "--steps". "text2live video --help" lists all.',
  ],
  [
    ['video', 'a.mp4', 'golden', 'swan'],
    'OPTION_INVALID: text2live video takes one clip and one prompt; more words came. Put the prompt in quotes, for example: ' +
      'text2live video swan.mp4 "golden swan"',
  ],
  [
    ['video', 'a.mp4', 'gold', '--frames', '4'],
    'OPTION_INVALID: --frames takes a whole number from 5 to 100000 (frames), or 0: all; got "4". For example: --frames 50',
  ],
  [
    ['video', 'a.mp4', '--resume', 'gone'],
    'OPTION_INVALID: A run is continued with the clip it was started with; leave that out beside --resume, or start a new run.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--photo', 'b.jpg'],
    'OPTION_INVALID: --photo names "b.jpg", and the words name the photo "a.jpg". Leave one of the two out.',
  ],
  [
    ['image', 'notes.txt', '--photo', 'b.jpg'],
    'OPTION_INVALID: --photo names "b.jpg", and the words name the photo "notes.txt". Leave one of the two out.',
  ],
  [
    ['image', 'gold', '--photo', 'b.jpg'],
    'INPUT_NOT_FOUND: Expected an image file, but there is no file "b.jpg". Check the path.',
  ],
  [
    ['image', './b.jpg', 'gold', '--photo', 'b.jpg'],
    'INPUT_NOT_FOUND: Expected an image file, but there is no file "b.jpg". Check the path.',
  ],
  [
    ['video', 'a.mp4', 'gold', '--clip', 'b.mp4'],
    'OPTION_INVALID: --clip names "b.mp4", and the words name the clip "a.mp4". Leave one of the two out.',
  ],
  [
    ['atlas', 'fit', 'a.mp4', '--clip', 'b.mp4'],
    'OPTION_INVALID: --clip names "b.mp4", and the words name the clip "a.mp4". Leave one of the two out.',
  ],
  [
    ['relevancy', 'a.jpg', 'bowl', '--map', '-o', 'x.png'],
    'OPTION_INVALID: --map <path> needs a value after it, but "-o", another option, follows. Put a value between them, ' +
      'or leave --map out. If "-o" is meant as the value, write --map=-o.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--source', '--region', 'bowl'],
    'OPTION_INVALID: --source <text> needs a value after it, but "--region", another option, follows. ' +
      'Put a value between them, or leave --source out. If "--region" is meant as the value, write --source=--region.',
  ],
  [
    ['relevancy', 'notes.txt', 'bowl', '--map', '~/x.png'],
    'OPTION_INVALID: --map takes a path to write to; got "~/x.png". The shell takes "~" for the home folder only where a word ' +
      'begins with it, outside quotes: write --flag ~/file with a space, not --flag=~/file, or the whole path.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--out', 'file:///tmp/x'],
    'OPTION_INVALID: --out takes a path to write to; got "file:///tmp/x". Give the path itself, without "file:": "/tmp/x".',
  ],
  [
    ['image', 'a.jpg', 'gold', '--relevancy', 'model', '--region-bound', '0.5'],
    'OPTION_INVALID: --region-bound needs the map of the region that --relevancy object or edges makes before ' +
      'training; with --relevancy model there is none, and --region-bound is 0.5. Choose one of those two, or leave --region-bound out.',
  ],
  [
    ['image', 'a.jpg', 'gold', '--preset', 'reference', '--sparsity-map', '2'],
    'OPTION_INVALID: --sparsity-map needs the map of the region that --relevancy object or edges makes before ' +
      'training; with --relevancy model there is none, and --sparsity-map is 2. Choose one of those two, or leave --sparsity-map out.',
  ],
  [
    ['export-step', '--learning-rate', '1', '-o', 'step.onnx'],
    'OPTION_UNKNOWN: There is no option "--learning-rate". The nearest is "--sparsity-map". "text2live export-step --help" lists all.',
  ],
  [
    ['export-step', '--relevancy', 'model', '--sparsity-map', '2', '-o', 'step.onnx'],
    'OPTION_INVALID: --sparsity-map needs the map of the region that --relevancy object or edges makes before ' +
      'training; with --relevancy model there is none, and --sparsity-map is 2. Choose one of those two, or leave --sparsity-map out.',
  ],
  [
    ['image', '*.jpg', 'gold'],
    'INPUT_NOT_FOUND: Expected an image file, but there is no file "*.jpg". The shell found no file for this pattern, or quotes kept it from looking: ' +
      'name one file, or for a clip or its masks the folder that holds the frames.',
  ],
  [
    ['image', '--config', 'https://a.org/x.yaml'],
    'CONFIG_INVALID: There should be a YAML file at "https://a.org/x.yaml", but there is nothing. It is an address, and nothing is fetched ' +
      'from one: download the file, for example with curl -LO, and name that.',
  ],
  [
    ['atlas'],
    'COMMAND_UNKNOWN: text2live atlas needs a word that says what to do: fit, inspect, render. "text2live atlas --help" shows examples.',
  ],
  [
    ['render'],
    'OPTION_INVALID: text2live render needs a folder, and none came. "text2live render --help" shows examples.',
  ],
  [
    ['render', '.'],
    'RUN_INVALID: "." is not a run folder: it holds no config.yaml of ours. Give the folder that a run was written to.',
  ],
])('%j ends with status 2 and says why', async (args, text) => {
  expect(await command(...args)).toEqual({ status: 2, out: '', err: `error ${text}\n` })
  expect(readdirSync('.')).toHaveLength(4)
})

test('with --json the error is an event on stdout too, and the words for people are on stderr', async () => {
  const { status, out, err } = await command('image', 'a.jpg', 'gold', '--json', '--source', 'bowl')
  expect(status).toBe(2)
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { type: 'stage-start', stage: 'photo' },
    {
      type: 'error',
      code: 'INPUT_NOT_FOUND',
      message: 'Expected an image file, but there is no file "a.jpg". Check the path.',
    },
  ])
  expect(err).toMatch(/^error INPUT_NOT_FOUND: /)
})
