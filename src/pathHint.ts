/**
 * The one sentence that helps with a path that names nothing: what the shell did not do, what no path is.
 * @param windows whether paths have backslashes here
 */
export function pathHint(path: string, windows = isWindows()): string {
  return oddPath(path, windows) ?? 'Check the path.'
}

/** The same where the path looks like something else than a path; null where it does not. */
export function oddPath(path: string, windows = isWindows()): string | null {
  if (path === '-')
    return 'Only the photo of text2live image and text2live relevancy can be "-", standard input: save what comes to a file and name that.'
  if (/^["'\s]*https?:\/\//i.test(path))
    return 'It is an address, and nothing is fetched from one: download the file, for example with curl -LO, and name that.'
  if (/^file:/i.test(path)) return `Give the path itself, without "file:": ${JSON.stringify(plainPath(path))}.`
  if (/"|^'.*'$/s.test(path))
    return `A quote mark became part of the path: leave it out${windows ? ', and the backslash before it, which keeps a quote from closing' : ''}.`
  if (path.trim() !== path) return 'The path begins or ends with a space or a line end: leave that out.'
  if (path.startsWith('~'))
    return 'The shell takes "~" for the home folder only where a word begins with it, outside quotes: write --flag ~/file with a space, not --flag=~/file, or the whole path.'
  if (/%0?\d*d/.test(path))
    return `A pattern of numbered files is not read: name the folder that holds the frames${folderOf(path) === '' ? '' : `, ${JSON.stringify(folderOf(path))}`}.`
  if (/[*?]|\[[^\]]+\]|\{[^}]*,[^}]*\}/.test(path))
    return 'The shell found no file for this pattern, or quotes kept it from looking: name one file, or for a clip or its masks the folder that holds the frames.'
  if (!windows && /^[a-z]:[\\/]|\\/i.test(path))
    return 'It is a path of Windows: here folders are parted by "/", and under WSL the drive C: is /mnt/c.'
  return null
}

const folderOf = (path: string): string => path.replace(/[^/\\]*$/, '')

function plainPath(address: string): string {
  const path = address.replace(/^file:(\/\/(localhost)?(?=\/))?/i, '').replace(/^\/(?=[a-z]:)/i, '')
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** In a browser there are no paths. */
const isWindows = (): boolean => (globalThis as { process?: { platform?: string } }).process?.platform === 'win32'
