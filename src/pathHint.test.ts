import { expect, test } from 'vitest'
import { oddPath, pathHint } from './pathHint.js'

test.each([
  ['-', 'standard input'],
  ['https://example.org/a.jpg', 'download'],
  ['file:///home/ann/my%20photo.jpg', '"/home/ann/my photo.jpg"'],
  ['file:///C:/photos/a.jpg', '"C:/photos/a.jpg"'],
  ['"/photos/a.jpg"', 'quote mark'],
  ["'a.jpg'", 'quote mark'],
  ['C:\\my photos\\" --seed', 'quote mark'],
  ['a.jpg ', 'space'],
  [' a.jpg', 'space'],
  ['a.jpg\n', 'line end'],
  ['~/a.jpg', 'the shell takes "~"'],
  ['~ann/a.jpg', 'the shell takes "~"'],
  ['frames/%05d.jpg', 'name the folder that holds the frames, "frames/"'],
  ['%d.png', 'name the folder'],
  ['*.jpg', 'pattern'],
  ['frames/0000?.png', 'pattern'],
  ['{a,b}.jpg', 'pattern'],
  ['C:\\photos\\a.jpg', 'path of Windows'],
  ['photos\\a.jpg', 'path of Windows'],
])('%j gets a sentence of its own', (path, words) => {
  expect(pathHint(path, false).toLowerCase()).toContain(words.toLowerCase())
})

test('a plain path that is not there is to be checked', () => {
  for (const path of ['a.jpg', './a b/c.png', '../x', "it's.jpg", '100%.jpg', 'a-.jpg', '/tmp/[draft.png'])
    expect(pathHint(path, false), path).toBe('Check the path.')
  expect(oddPath('C:\\photos\\a.jpg', true)).toBeNull()
})
