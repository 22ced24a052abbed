/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two MPI ranks: half of a round trip of 8 bytes, in microseconds, and the
 * rate of windows of messages of 1 MiB one way, in MiB/s. Each is the median
 * of many short measurements, as others may have the CPUs now and then.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SMALL = 8,
	LARGE = 1 << 20,
	WINDOW = 8,
	TRIPS = 20, /* of one measurement of latency */
	SAMPLES = 200,
	WARM = 5 /* that do not count */
};

static char out[LARGE], in[WINDOW][LARGE];

static double trips(int rank)
{
	double start = MPI_Wtime();

	for (int i = 0; i < TRIPS; i++) {
		if (!rank)
			MPI_Send(out, SMALL, MPI_CHAR, 1, 0, MPI_COMM_WORLD);
		MPI_Recv(in[0], SMALL, MPI_CHAR, !rank, 0, MPI_COMM_WORLD,
			 MPI_STATUS_IGNORE);
		if (rank)
			MPI_Send(out, SMALL, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
	}
	return (MPI_Wtime() - start) * 1e6 / TRIPS / 2;
}

static double window(int rank)
{
	double start = MPI_Wtime();
	MPI_Request r[WINDOW];
	MPI_Status status[WINDOW];

	for (int i = 0; i < WINDOW; i++)
		if (rank)
			MPI_Irecv(in[i], LARGE, MPI_CHAR, 0, 0, MPI_COMM_WORLD,
				  &r[i]);
		else
			MPI_Isend(out, LARGE, MPI_CHAR, 1, 0, MPI_COMM_WORLD,
				  &r[i]);
	MPI_Waitall(WINDOW, r, status);
	if (rank)
		MPI_Send(out, 1, MPI_CHAR, 0, 1, MPI_COMM_WORLD);
	else
		MPI_Recv(in[0], 1, MPI_CHAR, 1, 1, MPI_COMM_WORLD,
			 MPI_STATUS_IGNORE);
	return WINDOW / (MPI_Wtime() - start);
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double (*measure)(int), int rank, int n)
{
	static double sample[SAMPLES];

	for (int i = -WARM; i < n; i++) {
		double x = measure(rank);

		if (i >= 0)
			sample[i] = x;
	}
	qsort(sample, (size_t)n, sizeof(*sample), order);
	return sample[n / 2];
}

int main(int argc, char *argv[])
{
	double latency, rate;
	int rank;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	latency = median(trips, rank, SAMPLES);
	rate = median(window, rank, SAMPLES / 10);
	if (!rank)
		printf("%.3f %.0f\n", latency, rate);
	MPI_Finalize();
	return 0;
}
