/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranks exchange messages that are large enough for single-copy transports. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

enum {
	SIZE = 1 << 20,
	ROUNDS = 5
};

int main(int argc, char *argv[])
{
	static char out[SIZE], in[SIZE];
	int rank, size, bad = 0;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	for (int i = 0; i < ROUNDS; i++) {
		int next = (rank + 1) % size, last = (rank + size - 1) % size;

		memset(out, rank + i, SIZE);
		MPI_Sendrecv(out, SIZE, MPI_CHAR, next, 0, in, SIZE, MPI_CHAR,
			     last, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		for (int n = 0; n < SIZE; n++)
			bad += in[n] != last + i;
	}
	MPI_Finalize();
	printf("rank %d of %d: %d bad\n", rank, size, bad);
	return bad != 0;
}
