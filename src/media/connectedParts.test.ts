import { expect, it } from 'vitest'
import { connectedParts } from './connectedParts.js'

it('tells parts apart that meet at corners only, and does not go round a row', () => {
  const rows = ['##...#', '..#..#', '#.#...', '.....#']
  const picture = rows.join('')
  const parts = connectedParts({ width: 6, height: 4 }, (place) => picture[place] === '#')
  expect(parts.map((part) => [...part].sort((a, b) => a - b))).toEqual([[0, 1], [5, 11], [8, 14], [12], [23]])
})

it('finds none where nothing holds, and one where everything does', () => {
  expect(connectedParts({ width: 3, height: 2 }, () => false)).toEqual([])
  expect(connectedParts({ width: 3, height: 2 }, () => true).map((part) => part.length)).toEqual([6])
})
