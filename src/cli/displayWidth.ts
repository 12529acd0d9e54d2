/** From the first of the scripts, and of the pictures, that terminals show two columns wide. */
const firstWide = 0x1100

const widthOf = (character: string): number => (character.codePointAt(0)! >= firstWide ? 2 : 1)

/** Columns of a terminal that a text takes, or a few more: it is never taken for shorter than it is. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += widthOf(character)
  return width
}

/** As much of a text, from its beginning, as fits into so many columns. */
export function cutToWidth(text: string, columns: number): string {
  let cut = ''
  let width = 0
  for (const character of text) {
    width += widthOf(character)
    if (width > columns) break
    cut += character
  }
  return cut
}
