/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNIT_MARIADB_H
#define UNIT_MARIADB_H

#include <fcntl.h>
#include <mysql.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * A MariaDB server of the tests' own, as an ordinary process below a directory
 * of theirs, reached by a socket there.
 */
static struct {
	char dir[64];
	pid_t pid;
	MYSQL *admin; /* NULL: none runs */
	bool missing; /* none is installed */
} server;

static pid_t server_spawn(const char *const *argv)
{
	posix_spawn_file_actions_t to;
	extern char **environ;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&to);
	posix_spawn_file_actions_addopen(&to, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&to, 1, "log",
					 O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&to, 1, 2);
	if (posix_spawnp(&pid, argv[0], &to, NULL, (char *const *)argv,
			 environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&to);
	return pid;
}

static bool server_connect(void)
{
	char socket[96];

	snprintf(socket, sizeof(socket), "%s/socket", server.dir);
	server.admin = mysql_init(NULL);
	if (mysql_real_connect(server.admin, NULL, "root", NULL, NULL, 0,
			       socket, 0))
		return true;
	mysql_close(server.admin);
	server.admin = NULL;
	return false;
}

/* Waits until it answers, or has ended. */
static bool server_run(void)
{
	char data[96], socket[96], user[64];
	const struct passwd *pw = getpwuid(geteuid());
	const char *argv[] = { "mariadbd",
			       "--no-defaults",
			       data,
			       socket,
			       "--skip-networking",
			       "--innodb-buffer-pool-size=16M",
			       "--innodb-flush-log-at-trx-commit=2",
			       "--skip-log-bin",
			       pw ? user : NULL,
			       NULL };
	const struct timespec wait = { 0, 50000000 };

	snprintf(data, sizeof(data), "--datadir=%s/data", server.dir);
	snprintf(socket, sizeof(socket), "--socket=%s/socket", server.dir);
	snprintf(user, sizeof(user), "--user=%s", pw ? pw->pw_name : "");
	server.pid = server_spawn(argv);
	while (server.pid > 0 && !waitpid(server.pid, NULL, WNOHANG)) {
		if (server_connect())
			return true;
		nanosleep(&wait, NULL);
	}
	server.pid = 0;
	return false;
}

static bool server_start(void)
{
	char data[96], path[4096];
	const char *argv[] = { "mariadb-install-db",
			       "--no-defaults",
			       "--auth-root-authentication-method=normal",
			       "--skip-test-db",
			       "--skip-name-resolve",
			       data,
			       NULL };
	int status = -1;
	pid_t pid;

	/* Where servers are is not on a user's path. */
	snprintf(path, sizeof(path), "%s:/usr/sbin", getenv("PATH"));
	setenv("PATH", path, 1);
	strcpy(server.dir, "/tmp/cloison-mariadb-XXXXXX");
	if (!mkdtemp(server.dir) || chdir(server.dir))
		return false;
	snprintf(data, sizeof(data), "--datadir=%s/data", server.dir);
	pid = server_spawn(argv);
	server.missing = pid < 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return false;
	return server_run();
}

/* As if the machine was gone. */
static void server_kill(void)
{
	if (server.admin)
		mysql_close(server.admin);
	server.admin = NULL;
	if (server.pid > 0) {
		kill(server.pid, SIGKILL);
		waitpid(server.pid, NULL, 0);
	}
	server.pid = 0;
}

static bool server_query(const char *sql)
{
	return !mysql_query(server.admin, sql);
}

#endif
