import { expect, test } from 'vitest'
import { Text2LiveError } from '../errors.js'
import { type Job, readJob } from './job.js'

const bytes = new Uint8Array(3)
const asked: readonly Job[] = [
  { kind: 'image', options: { prompt: 'gold' }, photo: { name: 'a.png', bytes }, mask: bytes, run: null },
  { kind: 'image', options: {}, photo: 'photos/a.png', mask: null, over: ['runs/a-1'] },
  {
    kind: 'video',
    options: {},
    clip: { name: 'a.mp4', bytes },
    object: [{ name: '1.png', bytes }],
    mask: null,
    run: 'a',
  },
  { kind: 'video', options: {}, clip: 'a.mp4', object: 'masks', mask: 'b.png', goal: 'atlas' },
  { kind: 'resume', run: 'runs/a-1', options: { steps: 3 } },
  { kind: 'render', run: 'a' },
  { kind: 'paint', run: 'a' },
  { kind: 'score', run: 'a', options: {} },
  { kind: 'relevancy', options: {}, photo: null },
  { kind: 'atlas-inspect', atlas: 'a/atlas.safetensors', options: {}, out: null, force: false },
  { kind: 'atlas-render', atlas: 'a', options: {}, out: 'b', force: true, painted: { foreground: 'a.png' } },
]

test.each(asked)('a job of kind $kind is read as it was asked', (job) => {
  expect(readJob(job)).toEqual(job)
})

test.each([
  ['nothing', null, /^Expected a job of kind image, video, .*: job: /],
  ['another kind', { kind: 'find' }, /: kind: /],
  ['a kind that is done elsewhere', { kind: 'score', run: 'a', options: {} }, /"score" is not done here/],
  ['a picture of another shape', { kind: 'image', options: {}, photo: { file: 'a' }, mask: null }, /: photo: /],
  ['no masks', { kind: 'video', options: {}, clip: 'a', object: [], mask: null }, /: object: /],
  ['a layer of no atlas', { ...asked.at(-1)!, painted: { middle: 'a.png' } }, /: painted: .*middle/],
  ['no name of a run', { kind: 'render', run: '' }, /: run: /],
  ['more than a job has', { kind: 'render', run: 'a', folder: 'b' }, /folder/],
] as const)('%s is refused by code', (_, received, message) => {
  const kinds = received?.kind === 'score' ? (['image', 'render'] as const) : undefined
  const read = () => (kinds === undefined ? readJob(received) : readJob(received, kinds))
  expect(read).toThrow(Text2LiveError)
  expect(read).toThrow(message)
})
