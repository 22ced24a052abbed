/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shortest payload: static, so that no loader is measured with it. */
int main(void)
{
	return 0;
}
