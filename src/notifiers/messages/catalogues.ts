import type { Language } from '../../core/notification.ts';
import type { Catalogue } from './catalogue.ts';
import { english } from './english.ts';
import { norwegian } from './norwegian.ts';
import { swedish } from './swedish.ts';

export const CATALOGUES: Readonly<Record<Language, Catalogue>> = {
  en: english,
  sv: swedish,
  nb: norwegian,
};
