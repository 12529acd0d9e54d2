import { ALL_FORMATS, HLS } from 'mediabunny'

/** Playlists name other files and addresses, which a clip must not make anybody open. */
export const containerFormats = ALL_FORMATS.filter((format) => format !== HLS)
