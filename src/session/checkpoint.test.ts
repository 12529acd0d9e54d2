import { expect, test } from 'vitest'
import { Text2LiveError } from '../errors.js'
import { float32Tensor, readSafetensors, writeSafetensors } from '../formats/safetensors.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { resolveVideoSettings } from '../options/resolveVideoSettings.js'
import { eitherMask, loadCheckpoint, readCheckpoint, readState, writeCheckpoint, writeState } from './checkpoint.js'
import { memoryStore } from './memoryStore.js'
import { photoCheckpoint } from './trainRun.js'
import { checkpoints } from './video/videoFiles.js'

const draw = (): number => 7
const settings = resolveSettings([{ prompt: 'gold', steps: 6 }], draw)
const clipSettings = resolveVideoSettings([{ prompt: 'gold', clip: 'swan.mp4' }], draw)
const pictures = { photo: 'aa', mask: 'bb', below: 'cc+dd' }
const state = { step: 3, tensors: { weight: { shape: [2], data: Float32Array.of(1, -2.5) } } }
const tensors = new Map([['weight', float32Tensor([2], Float32Array.of(1, -2.5))]])
const codeOf = (error: unknown): string => (error instanceof Text2LiveError ? error.code : String(error))

test('the checkpoints of photos and clips are files of one kind', async () => {
  const store = memoryStore('run')
  await writeState(store, photoCheckpoint, { settings, pictures }, state)
  await writeCheckpoint(store, checkpoints.masks, { settings: clipSettings, pictures: { clip: 'ee' } }, tensors)
  const headers = [photoCheckpoint, checkpoints.masks].map(
    async ({ file }) => readSafetensors((await store.read(file))!, file).metadata,
  )
  const [photo, masks] = await Promise.all(headers)
  expect(photo).toMatchObject({ kind: 'text2live checkpoint', version: '2', stage: 'training', step: '3' })
  expect(masks).toMatchObject({ kind: 'text2live checkpoint', version: '2', stage: 'masks' })
  expect(await readState(store, photoCheckpoint, { settings, pictures })).toEqual(state)
})

test('what versions until 0.2 left is read, each with the pictures that it belongs to', async () => {
  const store = memoryStore('run')
  const old = { kind: 'text2live image checkpoint', version: '1', step: '3', settings: JSON.stringify(settings) }
  await store.write(
    photoCheckpoint.file,
    writeSafetensors(tensors, { ...old, photo: 'aa', mask: 'bb', below: 'cc dd' }),
  )
  expect(await readState(store, photoCheckpoint, { settings, pictures })).toEqual(state)
  await expect(readState(store, photoCheckpoint, { settings, pictures: { ...pictures, below: 'cc' } })).rejects.toThrow(
    'what is below (other layers)',
  )
  const bare = writeSafetensors(tensors, { ...old, photo: 'aa', mask: '' })
  await store.write(photoCheckpoint.file, bare)
  expect(await readState(store, photoCheckpoint, { settings, pictures: { photo: 'aa', below: '' } })).toEqual(state)

  const place = checkpoints.training('foreground')
  const clip = {
    kind: 'text2live video checkpoint',
    version: '1',
    stage: place.stage,
    step: '3',
    settings: JSON.stringify(clipSettings),
    pictures: 'ee',
  }
  await store.write(place.file, writeSafetensors(tensors, clip))
  expect(await readState(store, place, { settings: clipSettings, pictures: { clip: 'ee' } })).toEqual(state)
  await expect(readState(store, place, { settings: clipSettings, pictures: { clip: 'ff' } })).rejects.toThrow(
    'the clip or its masks (other pictures)',
  )
})

test('between two masks a checkpoint belongs to a run of either, and to no third', async () => {
  const store = memoryStore('run')
  const to = (mask: string) => ({ settings, pictures: { ...pictures, mask } })
  await writeState(store, photoCheckpoint, eitherMask(to('one'), to('')), state)
  for (const mask of ['one', '']) expect((await readState(store, photoCheckpoint, to(mask)))?.step).toBe(3)
  await expect(readState(store, photoCheckpoint, to('two'))).rejects.toThrow('the mask (another picture)')
})

test('a file of another stage, kind or version, or of pictures that are no record, is no checkpoint of it', async () => {
  const store = memoryStore('run')
  const good = {
    kind: 'text2live checkpoint',
    version: '2',
    stage: 'training',
    step: '3',
    settings: JSON.stringify(settings),
    pictures: JSON.stringify(pictures),
  }
  for (const bad of [
    { stage: 'training of the foreground' },
    { kind: 'another' },
    { version: '3' },
    { pictures: 'aa' },
    { pictures: '{"photo":1}' },
    { step: '-1' },
    { settings: '[]' },
  ]) {
    await store.write(photoCheckpoint.file, writeSafetensors(tensors, { ...good, ...bad }))
    const code = loadCheckpoint(store, photoCheckpoint).then(() => 'read', codeOf)
    expect(await code, JSON.stringify(bad)).toBe('CHECKPOINT_INVALID')
  }
  await store.write(photoCheckpoint.file, writeSafetensors(tensors, good))
  expect((await loadCheckpoint(store, photoCheckpoint))?.step).toBe(3)
  expect(await readCheckpoint(memoryStore('none'), photoCheckpoint, { settings, pictures })).toBeNull()
})
