/** The last part of a path. */
export const lastPart = (path: string): string => path.split(/[\\/]/).at(-1) ?? path

/** A name's ending with its dot, '.png'; empty where there is none. */
export const endingOf = (name: string): string => /(?<=.)\.[^.]*$/s.exec(lastPart(name))?.[0] ?? ''

/** A file's name without folders and ending. */
export function stemOf(path: string): string {
  const name = lastPart(path)
  return name.slice(0, name.length - endingOf(name).length)
}
