/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory by the page: what is not touched is not there.
 * System calls; no logging.
 */
#include "pages.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util.h"

/*
 * Zeroed memory of its own for tables and buffers that are large and mostly empty. calloc() takes what others have freed and
 * writes zeros over all of it; here a page costs nothing until it is used. NULL when there is none. Owned by the caller.
 */
void *pages_new(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

/* Of the @size that it was made with; NULL will do. Returns NULL. */
void *pages_free(void *pages, size_t size)
{
	if (pages)
		(void)munmap(pages, size);
	return NULL;
}

/* Addresses in a text that is written to while it is loaded would be lost with its pages. */
static int has_text_relocations(const struct dl_phdr_info *object)
{
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);

		if (object->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		for (; entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL))
				return 1;
	}
	return 0;
}

static int give_object_back(struct dl_phdr_info *object, size_t size _unused_, void *data)
{
	const uintptr_t page = *(const size_t *)data;

	if (has_text_relocations(object))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

/*
 * Lets go of the pages of programs and libraries that a start has gone through: loading, relocations, options, parsers. The
 * kernel maps 16 pages around each one that is touched (mm/memory.c:do_fault_around()), so that is nearly all there is, and a
 * daemon that then sleeps for weeks would hold it. For once, after a start: what is used again is mapped again from the page
 * cache, some 40 faults of a microsecond.
 * Safe because: only segments without PF_W are named. Nothing was ever written to them (DT_TEXTREL is looked for), so a page is
 * what its file says, before and after. Pages that relocations are in belong to segments with PF_W.
 */
void pages_give_back_text(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)dl_iterate_phdr(give_object_back, &page);
}
